/** Comparing GPU results with references: what differs, where, and by how much of what was allowed. */

export interface Mismatch {
  bad: number;
  first: number;
  last: number;
  /** Largest |difference| / bound, and where; Infinity for NaN against a number. */
  worst: number;
  worstIndex: number;
}

export type Bound = ArrayLike<number> | ((index: number, expected: number) => number);

/** NaN matches NaN and an infinity itself; everything else must be within its bound. */
export function compare(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: Bound): Mismatch {
  const result: Mismatch = { bad: 0, first: -1, last: -1, worst: 0, worstIndex: -1 };
  for (let i = 0; i < expected.length; i++) {
    const want = Number(expected[i]);
    const got = Number(actual[i]);
    const limit = typeof bound === 'function' ? bound(i, want) : Number(bound[i]);
    let ratio: number;
    if (Object.is(got, want) || got === want) ratio = 0;
    else if (!Number.isFinite(got) || !Number.isFinite(want) || Number.isNaN(limit)) ratio = Infinity;
    else ratio = Math.abs(got - want) / limit;
    if (ratio > result.worst) Object.assign(result, { worst: ratio, worstIndex: i });
    if (ratio <= 1) continue;
    if (result.bad === 0) result.first = i;
    result.bad += 1;
    result.last = i;
  }
  return result;
}

/** Throws unless lengths agree and every value is within its bound. Returns the worst ratio, for tables. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: Bound,
  what = 'values',
): number {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} values, expected ${expected.length}.`);
  const m = compare(actual, expected, bound);
  if (m.bad > 0) {
    const show = (i: number): string => `[${i}] got ${actual[i]}, want ${expected[i]}`;
    throw new Error(
      `${what}: ${m.bad} of ${expected.length} differ, first ${show(m.first)}, last ${show(m.last)}, worst ${show(m.worstIndex)} (${m.worst.toPrecision(3)} times the bound).`,
    );
  }
  return m.worst;
}
