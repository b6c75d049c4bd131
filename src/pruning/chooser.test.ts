import { expect, test } from 'vitest';
import { fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { checkRange } from './chooser';

/** The largest f32 that the dtype rounds to a finite number, and the next f32. */
const EDGES: [FloatDtype, number, number][] = [
  ['F16', 65519.99609375, 65520],
  ['BF16', 2 ** 128 - 2 ** 119 - 2 ** 104, 2 ** 128 - 2 ** 119],
  ['F32', 2 ** 128 - 2 ** 104, Infinity],
];

test.each(EDGES)('new weights must be finite as %s', (dtype, inside, outside) => {
  for (const sign of [1, -1]) {
    const [kept, lost] = [Float32Array.of(sign * inside), Float32Array.of(sign * outside)];
    expect(toF32(fromF32(kept, dtype), dtype)[0]).toSatisfy(Number.isFinite);
    expect(toF32(fromF32(lost, dtype), dtype)[0]).toBe(sign * Infinity);
    expect(() => checkRange('w', kept, dtype)).not.toThrow();
    expect(() => checkRange('w', lost, dtype)).toThrow(expect.objectContaining({ kind: 'SolverError' }));
  }
  expect(() => checkRange('w', Float32Array.of(0, NaN), dtype)).toThrow(`not finite in ${dtype}`);
});
