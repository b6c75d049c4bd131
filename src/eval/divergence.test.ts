import { describe, expect, test } from 'vitest';
import { divergenceOf, windowDivergence } from './divergence';

/** [KL, agreement, pruned loss, dense loss] per token; the last token of a window is not scored. */
const rows = Float32Array.from(
  [
    [0.25, 1, 3, 2],
    [0.75, 0, 5, 4],
    [0, 0, 0, 0],
    [2, 1, 1, 0.5],
    [0, 0, 0, 0],
  ].flat(),
);

describe('divergence', () => {
  test('means over windows of the mean of each window, however long', () => {
    const windows = windowDivergence(rows, [3, 2]);
    expect(windows).toEqual({ kl: [0.5, 2], topOne: [0.5, 1], prunedLoss: [4, 1], denseLoss: [3, 0.5] });
    // Not 1 and 2/3, the means over positions.
    expect(divergenceOf(windows)).toEqual({ kl: 1.25, topOne: 0.75 });
  });

  test('what stands at the last position of a window does not count', () => {
    const marked = rows.map((x, i) => (i >= 16 || (i >= 8 && i < 12) ? 99 : x));
    expect(windowDivergence(marked, [3, 2])).toEqual(windowDivergence(rows, [3, 2]));
  });

  test('one position that is not finite makes KL null and agrees with nothing', () => {
    const broken = rows.slice();
    broken.set([NaN, 0, NaN, 2], 0);
    const windows = windowDivergence(broken, [3, 2]);
    expect(windows.kl).toEqual([NaN, 2]);
    expect(divergenceOf(windows)).toEqual({ kl: null, topOne: 0.5 });
    expect(windows.denseLoss).toEqual([3, 0.5]);
  });

  test('rows that are missing are not taken for zeros', () => {
    expect(divergenceOf(windowDivergence(rows, [3, 4])).kl).toBeNull();
  });
});
