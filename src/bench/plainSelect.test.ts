import { expect, test } from 'vitest';
import { fromF32 } from '../core/dtypes';
import { normals } from '../ops/trial';
import { rowCounts } from '../ops/select';
import { selectRowsCpu } from '../ops/selectCpu';
import { plainSelectRows } from './plainSelect';

test('the yardstick selects what the lab selects, ties and extremes included', () => {
  const [rows, cols] = [40, 70];
  // Quarters: many ties.
  const values = normals(rows * cols, 1).map((v, i) => (i % 3 === 0 ? v : Math.round(v * 4) / 4));
  const norms = normals(cols, 2).map((v, c) => (c === 9 ? 0 : Math.abs(v)));
  const bytes = fromF32(values, 'F16');
  for (const rate of [0, 0.01, 0.5, 0.7, 1]) {
    const counts = rowCounts(rows, cols, rate, true);
    const want = selectRowsCpu(bytes, 'F16', rows, cols, norms, counts);
    expect(plainSelectRows(bytes, 'F16', rows, cols, norms, counts)).toEqual(want);
  }
});
