/** Keeps the chosen experiment inside what the model and the methods allow. Pure. */
import { LabError } from '../../core/errors';
import { layerRange, type LayerRange } from '../../core/layerRange';
import { MIXED_PATTERN, parsePattern, type LabSpec } from '../../core/spec';
import { counted } from '../../core/words';
import { atpRates, betaGrid, betaMax, isLegalBeta, withControl } from '../../pruning/allocations/atp';
import { distinctMixed, MIXED_GROUP, mixedKeeps } from '../../pruning/allocations/mixed';

/** Rate that a K:M pattern fixes in every layer; null where the pattern is free. */
export function patternRate(pattern: string): number | null {
  const parsed = parsePattern(pattern);
  return parsed === 'free' ? null : 1 - parsed.keep / parsed.group;
}

/** Whether the rates are those of a list: K:M patterns fix them for every allocation. */
export function isByHand(spec: LabSpec): boolean {
  return spec.allocation === 'custom' && spec.pattern === 'free';
}

/** Whether every layer has a pattern of its own, which ATP chooses. */
const isMixed = (spec: LabSpec): boolean => spec.pattern === MIXED_PATTERN;

/** Largest sparsity that the pattern allows. */
export function sparsityLimit(spec: LabSpec): number {
  return isMixed(spec) ? 1 - 1 / MIXED_GROUP : 1;
}

/** The layers that are pruned; all of them while the parameters name no range of this model. */
function prunedRange({ set }: LabSpec, layers: number): LayerRange {
  return layerRange(set, layers) ?? { first: 0, last: layers - 1 };
}

/** How many layers are pruned. */
function prunedLayers(spec: LabSpec, layers: number): number {
  const { first, last } = prunedRange(spec, layers);
  return last - first + 1;
}

/** Whether beta decides anything: ATP over more than one layer, no K:M. */
export function usesBeta(spec: LabSpec, layers: number): boolean {
  return spec.allocation === 'atp' && patternRate(spec.pattern) === null && prunedLayers(spec, layers) > 1;
}

/** Rates of the layers where beta decides them, [L]; a legal spec. */
export function tiltedRates(spec: LabSpec, layers: number): number[] {
  const { first, last } = prunedRange(spec, layers);
  const rates = atpRates(spec.sparsity, last - first + 1, betaOf(spec));
  const asked = isMixed(spec)
    ? mixedKeeps(rates, spec.sparsity).map((keep) => 1 - keep / MIXED_GROUP)
    : rates;
  return Array.from({ length: layers }, (_, layer) => asked[layer - first] ?? 0);
}

/** The betas of a sweep, ascending: the grid with 0, and with its mirror image where asked. */
export function sweepGrid(spec: LabSpec, layers: number, mirrored: boolean): number[] {
  const over = prunedLayers(spec, layers);
  const grid = betaGrid(spec.sparsity, over);
  const betas = withControl(mirrored ? [...grid, ...grid.map((beta) => -beta)] : grid);
  return isMixed(spec) ? distinctMixed(betas, spec.sparsity, over) : betas;
}

/**
 * Largest beta of the slider, rounded to 12 digits so that it reads as people write it; the rounding stays far inside
 * the slack that a legal beta has. 0 where beta decides nothing.
 */
export function betaLimit(spec: LabSpec, layers: number): number {
  if (!usesBeta(spec, layers)) return 0;
  const limit = Number((betaMax(spec.sparsity, prunedLayers(spec, layers)) ?? 0).toPrecision(12));
  return limit > 0 ? limit : 0;
}

/** Beta as a number: 'auto' counts as 0 until a sweep has chosen. */
export function betaOf(spec: LabSpec): number {
  return spec.beta === 'auto' ? 0 : spec.beta;
}

/** The nearest legal spec: K:M fixes the rate, mixed patterns need ATP, beta is cut to its range, rates by hand are there where they decide. `layers` null while no model is loaded. */
export function legalize(spec: LabSpec, layers: number | null): LabSpec {
  // Only ATP has rates that a mixed pattern could follow.
  const pattern = isMixed(spec) && spec.allocation !== 'atp' ? 'free' : spec.pattern;
  const limitOf = sparsityLimit({ ...spec, pattern });
  const sparsity = patternRate(pattern) ?? Math.min(limitOf, Math.max(0, spec.sparsity));
  const next: LabSpec = { ...spec, pattern, sparsity };
  const { layerSparsity: given } = spec;
  if (!isByHand(next)) delete next.layerSparsity;
  else if (layers !== null && (!given || (Array.isArray(given) && given.length !== layers)))
    next.layerSparsity = new Array<number>(layers).fill(sparsity);
  if (layers === null) return next;
  const limit = betaLimit(next, layers);
  const beta = Math.min(limit, Math.max(-limit, betaOf(next)));
  return { ...next, beta: beta === 0 ? 0 : beta };
}

/** The problem with a beta from outside, null when it is legal. */
export function betaProblem(spec: LabSpec, layers: number): LabError | null {
  const beta = betaOf(spec);
  if (beta === 0) return null;
  if (!usesBeta(spec, layers)) {
    return new LabError(
      'SpecError',
      `beta ${beta} has no meaning with the allocation "${spec.allocation}" over ${counted(prunedLayers(spec, layers), 'layer')}.`,
    );
  }
  const over = prunedLayers(spec, layers);
  if (isLegalBeta(beta, spec.sparsity, over)) return null;
  const limit = betaLimit(spec, layers);
  return new LabError('SpecError', `beta ${beta} is not legal at sparsity ${spec.sparsity} with ${counted(over, 'layer')}: it may be from -${limit} to ${limit}.`); // prettier-ignore
}
