/** A spec held against a model: what is pruned how much, or a SpecError that says what is illegal. */
import { LabError } from '../core/errors';
import type { LayerRange } from '../core/layerRange';
import type { AllocationRecord } from '../core/report';
import {
  MIXED_PATTERN,
  parsePattern,
  seedsProblem,
  type LabSpec,
  type ParamValue,
  type Pattern,
} from '../core/spec';
import type { ModelPlan } from '../models/inspect';
import {
  ALLOCATION_PARAMS,
  betaGrid,
  betaMax,
  checkBeta,
  distinctMixed,
  findAllocation,
  fitRowZeros,
  MIXED_GROUP,
  mixedKeeps,
  matrixRates,
  weightedMean,
  wholeZeros,
  withControl,
  type Allocation,
} from '../pruning/allocations';
import type { Facts } from '../pruning/allocations/facts';
import { COMMON_PARAMS, findPruner } from '../pruning/pruners';
import type { Params, Pruner, PrunerParam, Statistic } from '../pruning/pruners/define';
import type { MatrixRates, Rate } from '../pruning/rates';

export interface RunPlan {
  spec: LabSpec;
  pruner: Pruner;
  /** The one that decides: by hand where rates are given, uniform where the pattern fixes every layer. */
  allocation: Allocation;
  /** Every parameter of the pruner, the allocation and the common ones, defaults filled in. */
  params: Record<string, ParamValue>;
  /** What the pruner wants measured; empty for one that needs no data. */
  statistics: readonly Statistic[];
  /** True where statistics of the layers' inputs are among them: those change with what was pruned before. */
  needsInputs: boolean;
  /** Whether kept weights change. */
  updates: boolean;
  pattern: Pattern;
  /** Every layer has a pattern N:8 of its own, in its rates. */
  mixed: boolean;
  exactBudget: boolean;
  select: 'auto' | 'gpu' | 'cpu';
  /** True where beta is a choice: ATP, free pattern, no rates by hand. */
  hasBeta: boolean;
  betaMax: number | null;
  /** Over all prunable weights. */
  requested: number;
  /** The layers that are pruned; the allocation works over them alone. */
  range: LayerRange;
}

/** How much goes, by layer and matrix. */
export type LayerRates = MatrixRates[];

/** Checks the whole spec; a numeric beta is held against its legal range. */
export function planRun(model: ModelPlan, spec: LabSpec): RunPlan {
  const pruner = findPruner(spec.pruner);
  const pattern = parsePattern(spec.pattern);
  if (!(spec.sparsity >= 0 && spec.sparsity <= 1))
    throw new LabError('SpecError', `Sparsity must be from 0 to 1, not ${spec.sparsity}.`);
  const chosen = findAllocation(spec.layerSparsity ? 'custom' : spec.allocation);
  const allocation = pattern === 'free' ? chosen : findAllocation('uniform');
  const params = checkParams(spec.set, paramsOf(pruner, chosen), `${pruner.id} and ${chosen.id}`);
  if (spec.set['select'] === 'gpu' && pattern !== 'free' && pattern.group > 32)
    throw new LabError('SpecError', 'Groups of more than 32 are not supported.');
  let requested = spec.sparsity;
  if (pattern !== 'free' && !pruner.groups)
    throw new LabError(
      'SpecError',
      `${pruner.label} takes no K:M pattern; ${spec.pattern} was asked for.`,
      'Use the free pattern, or another pruner.',
    );
  if (pattern !== 'free') {
    requested = 1 - pattern.keep / pattern.group;
    if (Math.abs(spec.sparsity - requested) > 1e-9) {
      throw new LabError(
        'SpecError',
        `Pattern ${spec.pattern} makes the sparsity ${requested} in every layer; ${spec.sparsity} was asked for.`,
        'Leave the sparsity out, or use the free pattern.',
      );
    }
    if (spec.layerSparsity)
      throw new LabError(
        'SpecError',
        `Pattern ${spec.pattern} fixes the sparsity of every layer; layer sparsities cannot be given with it.`,
      );
    for (const m of model.prunable) {
      if (m.cols % pattern.group !== 0) {
        throw new LabError(
          'SpecError',
          `Pattern ${spec.pattern}: ${m.name} has ${m.cols} inputs, which ${pattern.group} does not divide.`,
          'Choose a group size that divides the inputs of every matrix.',
        );
      }
    }
  }
  const mixed = spec.pattern === MIXED_PATTERN;
  if (mixed) {
    if (!allocation.hasBeta || !pruner.groups)
      throw new LabError(
        'SpecError',
        `Pattern ${spec.pattern} needs the allocation atp and a pruner that takes patterns.`,
        'Use --allocation atp, or another pattern.',
      );
    mixedKeeps(
      model.prunablePerLayer.map(() => spec.sparsity),
      spec.sparsity,
    );
    const odd = model.prunable.find((m) => m.cols % MIXED_GROUP !== 0);
    if (odd)
      throw new LabError(
        'SpecError',
        `Pattern ${spec.pattern}: ${odd.name} has ${odd.cols} inputs, which ${MIXED_GROUP} does not divide.`,
      );
  }
  const unfit = spec.seeds ? seedsProblem(spec.seeds, spec.seed) : null;
  if (unfit !== null)
    throw new LabError('SpecError', unfit, 'List each seed once, the main one (--seed) among them.');
  const { hasBeta } = allocation;
  if (!hasBeta && spec.beta !== 0) {
    const why = pattern !== 'free' ? `pattern ${spec.pattern}` : `the allocation "${allocation.id}"`;
    throw new LabError(
      'SpecError',
      `Beta has no meaning with ${why}.`,
      'Leave beta out, or use the allocation atp with the free pattern.',
    );
  }
  const sizes = model.prunablePerLayer;
  const range = rangeOf(model, pruner, params);
  const layers = range.last - range.first + 1;
  if (layers < sizes.length) {
    checkPartial(spec, allocation, params);
    const inside = sizes.slice(range.first, range.last + 1).reduce((a, b) => a + b, 0);
    requested *= inside / sizes.reduce((a, b) => a + b, 0);
  }
  if (hasBeta && spec.beta !== 'auto') checkBeta(spec.beta, spec.sparsity, layers);
  if (spec.layerSparsity) {
    const rates = matrixRates(spec.layerSparsity, sizes.length, model.prunable);
    requested = weightedMean(
      rates,
      model.prunable.map((m) => m.count),
    );
  }
  return {
    spec,
    pruner,
    allocation,
    params,
    statistics: pruner.statistics(params),
    needsInputs: pruner.statistics(params).some((s) => s === 'norm' || s === 'gram' || s === 'moments'),
    updates: pruner.updates(params),
    pattern,
    mixed,
    exactBudget: params['exactBudget'] === true,
    select: params['select'] as RunPlan['select'],
    hasBeta,
    betaMax: hasBeta ? betaMax(spec.sparsity, layers) : null,
    requested,
    range,
  };
}

/** The layers that a pruner with these parameters works on. */
function rangeOf(model: ModelPlan, pruner: Pruner, params: Params): LayerRange {
  const layers = model.prunablePerLayer.length;
  return pruner.range?.(params, layers) ?? { first: 0, last: layers - 1 };
}

/** What cannot be told of a part of the layers. */
function checkPartial(spec: LabSpec, allocation: Allocation, params: Params): void {
  if (spec.layerSparsity)
    throw new LabError(
      'SpecError',
      'Rates by hand say of every layer what it loses; a range of layers cannot be given with them.',
      'Leave firstLayer and lastLayer out, and give 0 for the layers that stay whole.',
    );
  if (allocation.needs(params).length > 0)
    throw new LabError(
      'SpecError',
      `The allocation "${allocation.id}" measures the whole model; it does not work on a range of layers.`,
      'Use uniform or atp, or leave firstLayer and lastLayer out.',
    );
}

/** What `--set` may name with this pruner and this allocation. */
export function paramsOf(pruner: Pruner, allocation: Allocation): PrunerParam[] {
  return [...COMMON_PARAMS, ...pruner.params, ...ALLOCATION_PARAMS, ...allocation.params];
}

/** Values of all parameters of `owners`, defaults filled in; an unknown name or bad value is a SpecError. */
export function checkParams(
  given: Record<string, ParamValue>,
  known: readonly PrunerParam[],
  owners: string,
): Record<string, ParamValue> {
  const out: Record<string, ParamValue> = Object.fromEntries(known.map((p) => [p.name, p.init]));
  for (const [name, value] of Object.entries(given)) {
    const param = known.find((p) => p.name === name);
    if (!param)
      throw new LabError(
        'SpecError',
        `There is no parameter "${name.slice(0, 60)}" of ${owners}.`,
        `Known: ${known.map((p) => p.name).join(', ')}.`,
      );
    if (param.type === 'text' && typeof value === 'string') {
      const problem = param.problem?.(value) ?? null;
      if (problem !== null) throw new LabError('SpecError', `${name}: ${problem}`);
      out[name] = value;
      continue;
    }
    const { min = -Infinity, max = Infinity } = param;
    const good =
      param.type === 'boolean'
        ? typeof value === 'boolean'
        : param.type === 'choice'
          ? param.choices?.includes(String(value))
          : param.type === 'number' &&
            typeof value === 'number' &&
            value >= min &&
            value <= max &&
            (param.integer !== true || Number.isInteger(value));
    if (!good) {
      const allowed =
        param.type === 'boolean'
          ? 'true or false'
          : param.type === 'choice'
            ? (param.choices ?? []).join(', ')
            : param.type === 'text'
              ? 'a text'
              : `a ${param.integer ? 'whole ' : ''}number from ${min} to ${max}`;
      throw new LabError('SpecError', `${name} cannot be ${JSON.stringify(value)}; it is ${allowed}.`);
    }
    out[name] = value;
  }
  return out;
}

/** Whether the rates of this plan follow from shapes alone; otherwise facts have to be measured (session/facts). */
export function needsFacts({ allocation, params, spec }: RunPlan): boolean {
  return spec.sparsity > 0 && spec.sparsity < 1 && allocation.needs(params).length > 0;
}

/**
 * Rates of every matrix for a beta (0 where it has no meaning). SpecError where the allocation needs facts that are not
 * given.
 */
export function ratesFor(
  model: ModelPlan,
  plan: RunPlan,
  beta: number,
  facts?: Facts,
): { rates: LayerRates; allocation: AllocationRecord } {
  const { spec, allocation, params } = plan;
  const { first, last } = plan.range;
  const sizes = model.prunablePerLayer;
  const layers = last - first + 1;
  const partial = layers < sizes.length;
  if (plan.hasBeta) checkBeta(beta, spec.sparsity, layers);
  if (!facts && needsFacts(plan))
    throw new LabError(
      'SpecError',
      `The rates of the allocation "${allocation.id}" are measured on the weights, which are not read here.`,
      'Run it: "prunelab prune" measures them first.',
    );
  const within = model.prunable.filter(({ layer }) => layer >= first && layer <= last);
  const result = allocation.allocate({
    layers,
    sizes: sizes.slice(first, last + 1),
    sparsity: partial ? spec.sparsity : plan.requested,
    params: { ...params, ...(plan.hasBeta ? { beta } : {}) },
    rates: spec.layerSparsity,
    matrices: within.map((m) => ({ ...m, layer: m.layer - first })),
    facts,
    updates: plan.updates,
  });
  const keeps = plan.mixed ? mixedKeeps(result.layers, plan.requested) : null;
  if (keeps) return mixedRates(model, plan, beta, keeps);
  const perLayer = sizes.map((_, layer) => result.layers[layer - first] ?? 0);
  const before = model.prunable.findIndex(({ layer }) => layer === first);
  const asked = model.prunable.map(({ layer }, k) =>
    result.matrices ? (result.matrices[k - before] ?? 0) : (perLayer[layer] ?? 0),
  );
  const counts = model.prunable.map(({ count }) => count);
  const exact = !partial && plan.exactBudget && params['exactMean'] === true && plan.pattern === 'free';
  const handed = exact ? wholeZeros(asked, counts, plan.requested) : asked;
  const rates: Record<string, Rate>[] = sizes.map(() => ({}));
  model.prunable.forEach((m, k) => {
    const row = rates[m.layer];
    const rate = handed[k] ?? 0;
    const given = result.rowZeros?.[k - before];
    if (row)
      row[m.matrix] = given
        ? { rate, rowZeros: exact ? fitRowZeros(given, m.cols, Math.floor(m.count * rate)) : given }
        : rate;
  });
  const own = Object.fromEntries([
    ...allocation.params.map(({ name, init }) => [name, params[name] ?? init]),
    // The common ones where they change something.
    ...ALLOCATION_PARAMS.flatMap(({ name, init }) => (params[name] === init ? [] : [[name, params[name]]])),
  ]) as AllocationRecord['params'];
  return {
    rates,
    allocation: {
      id: allocation.id,
      params: { ...own, ...(plan.hasBeta ? { beta } : {}) },
      sparsity: perLayer,
      ...(result.matrices
        ? { matrices: Object.fromEntries(model.prunable.map(({ name }, k) => [name, asked[k] ?? 0])) }
        : {}),
      per: result.rowZeros ? 'row' : result.matrices ? 'matrix' : 'layer',
      betaMax: plan.betaMax,
      clamped: result.clamped,
      nominalMean: result.nominalMean,
      ...(result.facts ? { facts: result.facts } : {}),
      ...(result.fallback !== undefined ? { fallback: result.fallback } : {}),
    },
  };
}

/** Rates of layers that keep `keeps` of every 8 inputs. */
function mixedRates(
  model: ModelPlan,
  plan: RunPlan,
  beta: number,
  keeps: readonly number[],
): { rates: LayerRates; allocation: AllocationRecord } {
  const sparsity = keeps.map((keep) => 1 - keep / MIXED_GROUP);
  const rates: Record<string, Rate>[] = keeps.map(() => ({}));
  for (const { layer, matrix } of model.prunable) {
    const [row, keep, rate] = [rates[layer], keeps[layer] ?? MIXED_GROUP, sparsity[layer] ?? 0];
    if (row) row[matrix] = keep < MIXED_GROUP ? { rate, group: { keep, group: MIXED_GROUP } } : 0;
  }
  return {
    rates,
    allocation: {
      id: plan.allocation.id,
      params: { beta },
      sparsity,
      matrices: Object.fromEntries(model.prunable.map(({ name, layer }) => [name, sparsity[layer] ?? 0])),
      per: 'layer',
      betaMax: plan.betaMax,
      nominalMean: weightedMean(sparsity, model.prunablePerLayer),
      facts: { 'kept of 8': [...keeps] },
    },
  };
}

/** The betas of a sweep: given ones (checked, ascending, once each), or the grid with its control. */
export function sweepBetas(plan: RunPlan, given: readonly number[] | null): number[] {
  const layers = plan.range.last - plan.range.first + 1;
  if (!plan.hasBeta) {
    throw new LabError(
      'SpecError',
      'A sweep varies beta, which only the allocation atp with the free pattern has.',
      'Use --allocation atp and --pattern free.',
    );
  }
  if (!given) {
    const grid = withControl(betaGrid(plan.spec.sparsity, layers));
    return plan.mixed ? distinctMixed(grid, plan.spec.sparsity, layers) : grid;
  }
  for (const beta of given) checkBeta(beta, plan.spec.sparsity, layers);
  return [...new Set(given.map((b) => b + 0))].sort((a, b) => a - b);
}
