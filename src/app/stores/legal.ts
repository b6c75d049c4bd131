/** Keeps the chosen experiment inside what the model and the methods allow. Pure. */
import { LabError } from '../../core/errors';
import { parsePattern, type LabSpec } from '../../core/spec';
import { betaMax, isLegalBeta } from '../../pruning/allocations/atp';

/** Rate that a K:M pattern fixes in every layer; null where the pattern is free. */
export function patternRate(pattern: string): number | null {
  const parsed = parsePattern(pattern);
  return parsed === 'free' ? null : 1 - parsed.keep / parsed.group;
}

/** Whether the rates are those of a list: K:M patterns fix them for every allocation. */
export function isByHand(spec: LabSpec): boolean {
  return spec.allocation === 'custom' && spec.pattern === 'free';
}

/** Whether beta decides anything: ATP over a free pattern and more than one layer. */
export function usesBeta(spec: LabSpec, layers: number): boolean {
  return spec.allocation === 'atp' && spec.pattern === 'free' && layers > 1;
}

/**
 * Largest beta of the slider, rounded to 12 digits so that it reads as people write it; the rounding stays far inside
 * the slack that a legal beta has. 0 where beta decides nothing.
 */
export function betaLimit(spec: LabSpec, layers: number): number {
  if (!usesBeta(spec, layers)) return 0;
  const limit = Number((betaMax(spec.sparsity, layers) ?? 0).toPrecision(12));
  return limit > 0 ? limit : 0;
}

/** Beta as a number: 'auto' counts as 0 until a sweep has chosen. */
export function betaOf(spec: LabSpec): number {
  return spec.beta === 'auto' ? 0 : spec.beta;
}

/** The nearest legal spec: K:M fixes the rate, beta is cut to its range, rates by hand are there where they decide. `layers` null while no model is loaded. */
export function legalize(spec: LabSpec, layers: number | null): LabSpec {
  const rate = patternRate(spec.pattern);
  const sparsity = rate ?? Math.min(1, Math.max(0, spec.sparsity));
  const next: LabSpec = { ...spec, sparsity };
  const { layerSparsity: given } = spec;
  if (!isByHand(spec)) delete next.layerSparsity;
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
      `beta ${beta} has no meaning with the allocation "${spec.allocation}" over ${layers} layers.`,
    );
  }
  if (isLegalBeta(beta, spec.sparsity, layers)) return null;
  const limit = betaLimit(spec, layers);
  return new LabError('SpecError', `beta ${beta} is not legal at sparsity ${spec.sparsity} with ${layers} layers: it may be from -${limit} to ${limit}.`); // prettier-ignore
}
