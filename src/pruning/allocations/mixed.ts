/** Mixed N:8 (the format of DominoSearch, NeurIPS 2021): each layer keeps a whole number of every 8 inputs. */
import { LabError } from '../../core/errors';
import { atpRates } from './atp';

export const MIXED_GROUP = 8;

/** Of betas that round to the same whole numbers, the one nearest to 0; ascending. */
export function distinctMixed(betas: readonly number[], sparsity: number, layers: number): number[] {
  const seen = new Set<string>();
  const outwards = [...betas].sort((a, b) => Math.abs(a) - Math.abs(b));
  const distinct = outwards.filter((beta) => {
    const key = mixedKeeps(atpRates(sparsity, layers, beta), sparsity).join(' ');
    return !seen.has(key) && seen.add(key);
  });
  return distinct.sort((a, b) => a - b);
}

/**
 * Whole numbers of kept inputs from rates whose mean is `sparsity`: rounded down, then what is missing goes to the
 * largest remainders (ties: lower layer); from 1 to 8. SpecError where a layer would keep less than 1.
 */
export function mixedKeeps(rates: readonly number[], sparsity: number): number[] {
  if (sparsity > 1 - 1 / MIXED_GROUP)
    throw new LabError(
      'SpecError',
      `Sparsity ${sparsity} leaves less than 1 of every ${MIXED_GROUP} inputs.`,
      `With mixed:${MIXED_GROUP} it is at most ${1 - 1 / MIXED_GROUP}.`,
    );
  // Eight times a rate of few decimals is a whole number but for rounding.
  const wanted = rates.map((rate) => Number((MIXED_GROUP * (1 - rate)).toFixed(9)));
  const keeps = wanted.map(Math.floor);
  const order = [...wanted.keys()].sort((a, b) => {
    const rest = (i: number): number => (wanted[i] ?? 0) - (keeps[i] ?? 0);
    return rest(b) - rest(a) || a - b;
  });
  const missing = Math.round(MIXED_GROUP * (1 - sparsity) * rates.length) - keeps.reduce((a, b) => a + b, 0);
  for (const i of order.slice(0, Math.max(0, missing))) keeps[i] = (keeps[i] ?? 0) + 1;
  return keeps.map((keep) => Math.min(MIXED_GROUP, Math.max(1, keep)));
}
