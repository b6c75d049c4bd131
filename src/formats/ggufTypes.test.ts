/** Every dequantiser against gguf.quants.dequantize, bit for bit (scripts/fixtures/make_gguf.py). */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BLOCK_TYPES, OTHER_TYPES } from './ggufTypes';

interface Fixture {
  cases: Record<string, { blocks: string; values: string }>;
}

const { cases } = JSON.parse(await readFile('src/testing/fixtures/gguf/blocks.json', 'utf8')) as Fixture;

describe('blocks', () => {
  test.each([...BLOCK_TYPES.values()].map((t) => [t.name, t] as const))('%s', (name, type) => {
    const given = cases[name];
    const blocks = Buffer.from(given?.blocks ?? '', 'base64');
    const packed = gunzipSync(Buffer.from(given?.values ?? '', 'base64'));
    const expected = new Uint32Array(
      packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.length),
    );
    const out = new Float32Array((blocks.length / type.bytes) * type.weights);
    expect(out.length).toBe(expected.length);
    expect(out.length).toBeGreaterThan(0);
    // One byte into a larger buffer: raw pieces may have any alignment.
    const shifted = new Uint8Array(blocks.length + 1);
    shifted.set(blocks, 1);
    type.decode(shifted.subarray(1), out);
    const bits = new Uint32Array(out.buffer);
    const different: string[] = [];
    expected.forEach((want, i) => {
      const got = bits[i] ?? 0;
      // A NaN that is made or widened has no prescribed sign or payload.
      const bothNaN = (want & 0x7fffffff) > 0x7f800000 && (got & 0x7fffffff) > 0x7f800000;
      if (want !== got && !(bothNaN && name !== 'F32' && name !== 'BF16'))
        different.push(`${i}: ${want} is ${got}`);
    });
    expect(different.slice(0, 5)).toEqual([]);
  });

  test('no number has two names', () => {
    for (const number of BLOCK_TYPES.keys()) expect(OTHER_TYPES.has(number)).toBe(false);
  });
});
