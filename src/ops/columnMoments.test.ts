import { describe, expect, test } from 'vitest';
import { normals } from './trial';
import { joinMoments } from './columnMoments';
import { momentsRef } from './columnMoments.ref';

/** Partials in f64 would round nothing; these are exact in f32 too. */
function partials(data: readonly number[], lengths: readonly number[], rowsPerChunk: number): Float32Array {
  const out: number[] = [];
  let begin = 0;
  for (const length of lengths) {
    for (let row = 0; row < length; row += rowsPerChunk) {
      const chunk = data.slice(begin + row, begin + Math.min(row + rowsPerChunk, length));
      const sum = chunk.reduce((a, b) => a + b, 0);
      out.push(sum, chunk.reduce((a, v) => a + (v - sum / chunk.length) ** 2, 0)); // prettier-ignore
    }
    begin += length;
  }
  return Float32Array.from(out);
}

describe('joined moments', () => {
  test('golden: sequences (1, 2, 3, 6) and (10, 14)', () => {
    // S = (12 + 24) / 2; variances 3.5 and 4, weighted 4 to 2. What lies between 3 and 12 does not count.
    for (const rowsPerChunk of [1, 2, 4, 64]) {
      const got = joinMoments(partials([1, 2, 3, 6, 10, 14], [4, 2], rowsPerChunk), 1, [4, 2], rowsPerChunk);
      expect(got.mean[0]).toBe(18);
      expect(got.variance[0]).toBeCloseTo(22 / 6, 12);
    }
  });

  test('any cut into chunks gives what the definition gives', () => {
    const lengths = [130, 64, 5, 1];
    const data = normals(200, 6).map((v) => Math.round(v * 64) / 64 + 8);
    const want = momentsRef(data, 1, lengths);
    for (const rowsPerChunk of [1, 7, 64]) {
      const got = joinMoments(partials([...data], lengths, rowsPerChunk), 1, lengths, rowsPerChunk);
      expect(got.mean[0]).toBeCloseTo(want.mean[0] ?? NaN, 8);
      expect(got.variance[0]).toBeCloseTo(want.variance[0] ?? NaN, 5);
    }
  });
});
