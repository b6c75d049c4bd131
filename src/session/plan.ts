/** A spec held against a model: what is pruned how much, or a SpecError that says what is illegal. */
import { LabError } from '../core/errors';
import type { AllocationRecord } from '../core/report';
import { parsePattern, seedsProblem, type LabSpec, type ParamValue, type Pattern } from '../core/spec';
import type { ModelPlan } from '../models/inspect';
import {
  betaGrid,
  betaMax,
  checkBeta,
  findAllocation,
  matrixRates,
  weightedMean,
  withControl,
} from '../pruning/allocations';
import { COMMON_PARAMS, findPruner } from '../pruning/pruners';
import type { Pruner, PrunerParam, Statistic } from '../pruning/pruners/define';

export interface RunPlan {
  spec: LabSpec;
  pruner: Pruner;
  /** Every parameter of the pruner and the common ones, defaults filled in. */
  params: Record<string, ParamValue>;
  /** What the pruner wants measured; empty for one that needs no data. */
  statistics: readonly Statistic[];
  pattern: Pattern;
  exactBudget: boolean;
  select: 'auto' | 'gpu' | 'cpu';
  /** True where beta is a choice: ATP, free pattern, no rates by hand. */
  hasBeta: boolean;
  betaMax: number | null;
  requested: number;
}

/** Fractions of zeros by layer and matrix. */
export type LayerRates = Record<string, number>[];

/** Checks the whole spec; a numeric beta is held against its legal range. */
export function planRun(model: ModelPlan, spec: LabSpec): RunPlan {
  const pruner = findPruner(spec.pruner);
  const pattern = parsePattern(spec.pattern);
  if (!(spec.sparsity >= 0 && spec.sparsity <= 1))
    throw new LabError('SpecError', `Sparsity must be from 0 to 1, not ${spec.sparsity}.`);
  const allocation = findAllocation(spec.layerSparsity ? 'custom' : spec.allocation);
  const params = checkParams(spec.set, [...COMMON_PARAMS, ...pruner.params]);
  if (spec.set['select'] === 'gpu' && pattern !== 'free' && pattern.group > 32)
    throw new LabError('SpecError', 'Groups of more than 32 are not supported.');
  let requested = spec.sparsity;
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
  const unfit = spec.seeds ? seedsProblem(spec.seeds, spec.seed) : null;
  if (unfit !== null)
    throw new LabError('SpecError', unfit, 'List each seed once, the main one (--seed) among them.');
  const hasBeta = allocation.id === 'atp' && pattern === 'free';
  if (!hasBeta && spec.beta !== 0) {
    const why = pattern !== 'free' ? `pattern ${spec.pattern}` : `the allocation "${allocation.id}"`;
    throw new LabError(
      'SpecError',
      `Beta has no meaning with ${why}.`,
      'Leave beta out, or use the allocation atp with the free pattern.',
    );
  }
  const sizes = model.prunablePerLayer;
  if (hasBeta && spec.beta !== 'auto') checkBeta(spec.beta, spec.sparsity, sizes.length);
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
    params,
    statistics: pruner.statistics(params),
    pattern,
    exactBudget: params['exactBudget'] === true,
    select: params['select'] as RunPlan['select'],
    hasBeta,
    betaMax: hasBeta ? betaMax(spec.sparsity, sizes.length) : null,
    requested,
  };
}

/** Values of all parameters, defaults filled in; an unknown name or bad value is a SpecError. */
export function checkParams(
  given: Record<string, ParamValue>,
  known: readonly PrunerParam[],
): Record<string, ParamValue> {
  const out: Record<string, ParamValue> = Object.fromEntries(known.map((p) => [p.name, p.init]));
  for (const [name, value] of Object.entries(given)) {
    const param = known.find((p) => p.name === name);
    if (!param)
      throw new LabError(
        'SpecError',
        `There is no parameter "${name.slice(0, 60)}" here.`,
        `Known: ${known.map((p) => p.name).join(', ')}.`,
      );
    const { min = -Infinity, max = Infinity } = param;
    const good =
      param.type === 'boolean'
        ? typeof value === 'boolean'
        : param.type === 'choice'
          ? param.choices?.includes(String(value))
          : typeof value === 'number' && value >= min && value <= max;
    if (!good) {
      const allowed =
        param.type === 'boolean'
          ? 'true or false'
          : param.type === 'choice'
            ? (param.choices ?? []).join(', ')
            : `a number from ${min} to ${max}`;
      throw new LabError('SpecError', `${name} cannot be ${JSON.stringify(value)}; it is ${allowed}.`);
    }
    out[name] = value;
  }
  return out;
}

/** Rates of every matrix for a beta (0 where it has no meaning). */
export function ratesFor(
  model: ModelPlan,
  plan: RunPlan,
  beta: number,
): { rates: LayerRates; allocation: AllocationRecord } {
  const { spec, pattern } = plan;
  const sizes = model.prunablePerLayer;
  const layers = sizes.length;
  if (plan.hasBeta) checkBeta(beta, spec.sparsity, layers);
  // K:M leaves every layer the same rate, whatever allocation stands in the spec.
  const id = spec.layerSparsity ? 'custom' : pattern !== 'free' ? 'uniform' : spec.allocation;
  let perLayer: number[];
  let perMatrix: number[] | null = null;
  if (pattern !== 'free') perLayer = sizes.map(() => plan.requested);
  else if (spec.layerSparsity) {
    perMatrix = matrixRates(spec.layerSparsity, layers, model.prunable);
    perLayer = findAllocation('custom').allocate({
      layers,
      sizes,
      sparsity: spec.sparsity,
      params: {},
      rates: spec.layerSparsity,
      matrices: model.prunable,
    });
  } else
    perLayer = findAllocation(id).allocate({
      layers,
      sizes,
      sparsity: spec.sparsity,
      params: plan.hasBeta ? { beta } : {},
    });
  const rates = perLayer.map((rate, layer) => {
    const row: Record<string, number> = {};
    for (const [index, m] of model.prunable.entries())
      if (m.layer === layer) row[m.matrix] = perMatrix ? (perMatrix[index] ?? rate) : rate;
    return row;
  });
  return {
    rates,
    allocation: {
      id,
      params: plan.hasBeta ? { beta } : {},
      sparsity: perLayer,
      ...(spec.layerSparsity && !Array.isArray(spec.layerSparsity) ? { matrices: spec.layerSparsity } : {}),
      betaMax: plan.betaMax,
    },
  };
}

/** The betas of a sweep: given ones (checked, ascending, once each), or the grid with its control. */
export function sweepBetas(model: ModelPlan, plan: RunPlan, given: readonly number[] | null): number[] {
  const layers = model.prunablePerLayer.length;
  if (!plan.hasBeta) {
    throw new LabError(
      'SpecError',
      'A sweep varies beta, which only the allocation atp with the free pattern has.',
      'Use --allocation atp and --pattern free.',
    );
  }
  if (!given) return withControl(betaGrid(plan.spec.sparsity, layers));
  for (const beta of given) checkBeta(beta, plan.spec.sparsity, layers);
  return [...new Set(given.map((b) => b + 0))].sort((a, b) => a - b);
}
