/**
 * ATP (arXiv 2502.14770, Eq. 10): layer sparsities in arithmetic progression, s_i = S - beta (L - 1) / 2 + beta (i - 1).
 * The mean is S for every beta; a positive beta spares the first layers.
 */
import { LabError } from '../../core/errors';
import { counted } from '../../core/words';
import { defineAllocation } from './define';
import { compareDecimals, decimalToNumber, halveDecimal, parseDecimal, scaleDecimal, subtractDecimals, type Decimal } from './decimal'; // prettier-ignore

/** Room for the rounding of betaMax itself; rates are clamped to [0, 1] afterwards. */
const LEGAL_SLACK = 1e-9;

/** Step of the search in span beta (L - 1): the paper's 0.002 at 32 layers. */
const SPAN_STEP = '0.062';
const MIN_GRID_POINTS = 8;
/** Beyond this the last layer is all but empty. */
const STEEPEST_LAST_LAYER = '0.99';

/** Largest legal |beta|, unrounded: the first layer stays >= 0 and the last <= 1. null for one layer. */
export function betaMax(sparsity: number, layers: number): number | null {
  return layers > 1 ? Math.min(2 * sparsity, 2 * (1 - sparsity)) / (layers - 1) : null;
}

/** Whether beta may be used: |beta| <= betaMax (1 + 1e-9); for one layer only 0. */
export function isLegalBeta(beta: number, sparsity: number, layers: number): boolean {
  return Math.abs(beta) <= (betaMax(sparsity, layers) ?? 0) * (1 + LEGAL_SLACK);
}

/** Throws SpecError with the legal range. */
export function checkBeta(beta: number, sparsity: number, layers: number): void {
  if (isLegalBeta(beta, sparsity, layers)) return;
  const limit = betaMax(sparsity, layers) ?? 0;
  const range = limit > 0 ? `from -${limit} to ${limit}` : 'only 0';
  throw new LabError(
    'SpecError',
    `Beta ${beta} is not legal at sparsity ${sparsity} with ${counted(layers, 'layer')}: it may be ${range}.`,
    limit > 0 ? `Choose a beta ${range}.` : 'Use beta 0.',
  );
}

/** Rates of the progression, [L], evaluated as `first + i * beta` in f64 (not by repeated addition), then clamped. */
export function atpRates(sparsity: number, layers: number, beta: number): number[] {
  checkBeta(beta, sparsity, layers);
  const first = sparsity - (beta * (layers - 1)) / 2;
  return Array.from({ length: layers }, (_, i) => Math.min(1, Math.max(0, first + i * beta)));
}

/**
 * The betas of a sweep, ascending, without the control 0 (see `withControl`). Spans are multiples of 0.062 in exact
 * decimal arithmetic on the shortest decimal of S, up to min(2S, 2(1-S)); where that gives fewer than 8, the step is
 * the largest 0.062 / 2^k that gives at least 8. Points with a last layer above 0.99 are left out.
 */
export function betaGrid(sparsity: number, layers: number): number[] {
  if (layers < 2 || !(sparsity > 0 && sparsity < 1)) return [];
  const target = parseDecimal(sparsity);
  const twice = scaleDecimal(target, 2n);
  const rest = scaleDecimal(subtractDecimals(parseDecimal('1'), target), 2n);
  const limit = compareDecimals(twice, rest) <= 0 ? twice : rest;
  const steepest = scaleDecimal(subtractDecimals(parseDecimal(STEEPEST_LAST_LAYER), target), 2n);

  let step = parseDecimal(SPAN_STEP);
  const eight = BigInt(MIN_GRID_POINTS);
  while (compareDecimals(scaleDecimal(step, eight), limit) > 0) step = halveDecimal(step);

  const betas: number[] = [];
  const fits = (span: Decimal): boolean =>
    compareDecimals(span, limit) <= 0 && compareDecimals(span, steepest) <= 0;
  for (let k = 1n; fits(scaleDecimal(step, k)); k++) {
    betas.push(decimalToNumber(scaleDecimal(step, k)) / (layers - 1));
  }
  return betas;
}

/** The grid with the control in front: ascending, 0 once. */
export function withControl(betas: readonly number[]): number[] {
  return [...new Set([0, ...betas])].sort((a, b) => a - b);
}

export const atp = defineAllocation({
  id: 'atp',
  label: 'ATP, arithmetic progression',
  help: 'Each layer loses a little more than the one before it; beta is the difference.',
  citation:
    'Huang et al., Determining Layer-wise Sparsity for Large Language Models Through a Theoretical Perspective, arXiv 2502.14770',
  hasBeta: true,
  allocate({ sparsity, layers, params }) {
    const beta = params['beta'] ?? 0;
    if (typeof beta !== 'number' || !Number.isFinite(beta)) {
      throw new LabError('SpecError', `Beta must be a number, not ${JSON.stringify(beta)}.`);
    }
    return atpRates(sparsity, layers, beta);
  },
});
