import { describe, expect, test } from 'vitest';
import { DTYPE_BYTES } from '../core/dtypes';
import { runOnGpu, upload, withGpu, type GpuFixture } from '../testing/gpuFixture';
import {
  awkwardWeight,
  DTYPES,
  normalWeight,
  uploadCase,
  uploadMask,
  variedCounts,
  WIDTHS,
  type WeightCase,
} from '../testing/maskCases';
import { applyMask } from './applyMask';
import { applyMaskRef, countZerosRef } from './applyMask.ref';
import { countZeros, sumCounts, zeroPartials } from './countZeros';
import { rowsRef, scoresRef } from './select.ref';
import type { MaskBuffer, Weight } from './types';

const SHARD_ROWS = 7;

/** All bit patterns that mean something odd, -0 and NaN payloads too. */
function oddBits(cols: number, dtype: WeightCase['dtype']): WeightCase {
  const w = awkwardWeight(cols, dtype);
  const patterns =
    dtype === 'F32' ? [0x80000000, 0x7fc12345, 0xff800001, 0x00000001] : [0x8000, 0x7fc1, 0xfc01, 0x0001];
  const words = dtype === 'F32' ? new Uint32Array(w.bytes.buffer) : new Uint16Array(w.bytes.buffer);
  for (let i = 0; i < words.length; i += 5) words[i] = patterns[(i / 5) % patterns.length] ?? 0;
  return w;
}

/** A second weight of the same shape and shards, full of garbage. */
function garbageLike(fixture: GpuFixture, weight: Weight): Weight {
  const shards = weight.shards.map((s) => ({
    ...s,
    buffer: upload(fixture, new Uint32Array(s.buffer.bytes / 4).fill(0xa5a5a5a5)),
  }));
  return { ...weight, name: 'masked copy', shards };
}

async function bytesOf({ rec }: GpuFixture, weight: Weight): Promise<Uint8Array> {
  const parts: number[] = [];
  for (const s of weight.shards) {
    parts.push(
      ...new Uint8Array(await rec.read(s.buffer, 0, s.rows * weight.cols * DTYPE_BYTES[weight.dtype])),
    );
  }
  return Uint8Array.from(parts);
}

function someMask(fixture: GpuFixture, w: WeightCase): { words: Uint32Array; mask: MaskBuffer } {
  const counts = variedCounts(w.rows, w.cols, 2);
  const words = rowsRef(scoresRef(w.values, w.cols, null), w.cols, counts);
  return { words, mask: uploadMask(fixture, w.rows, w.cols, words) };
}

describe.each(DTYPES)('%s', (dtype) => {
  test('masked copy: pruned are +0, kept keep their bits', async () => {
    await runOnGpu(async (fixture) => {
      for (const cols of WIDTHS) {
        const w = oddBits(cols, dtype);
        const weight = uploadCase(fixture, w, SHARD_ROWS);
        const { words, mask } = someMask(fixture, w);
        const out = garbageLike(fixture, weight);
        await applyMask(fixture.rec, weight, mask, out);
        expect(await bytesOf(fixture, out)).toEqual(applyMaskRef(w.bytes, dtype, w.rows, cols, words));
        expect(await bytesOf(fixture, weight)).toEqual(w.bytes);
      }
    });
  });

  test('zeros: pruned or +-0', async () => {
    await runOnGpu(async (fixture) => {
      for (const cols of WIDTHS) {
        const w = oddBits(cols, dtype);
        const weight = uploadCase(fixture, w, SHARD_ROWS);
        const { words, mask } = someMask(fixture, w);
        const size = zeroPartials(weight);
        // What lies around the counters must stay.
        const out = upload(fixture, new Uint32Array(size * 2 + 2).fill(77));
        await countZeros(fixture.rec, weight, mask, out, 1);
        await countZeros(fixture.rec, weight, null, out, 1 + size);
        const got = new Uint32Array(await fixture.rec.read(out, 0, (size * 2 + 2) * 4));
        expect(sumCounts(got.subarray(1, 1 + size))).toBe(countZerosRef(w.bytes, dtype, w.rows, cols, words));
        expect(sumCounts(got.subarray(1 + size, 1 + 2 * size))).toBe(
          countZerosRef(w.bytes, dtype, w.rows, cols, null),
        );
        expect([got[0], got[1 + 2 * size]]).toEqual([77, 77]);
      }
    });
  });
});

test(
  'large and split: many workgroups, every counter',
  withGpu(async (fixture) => {
    const w = normalWeight(700, 96, 'F16');
    const weight = uploadCase(fixture, w, 300);
    const { words, mask } = someMask(fixture, w);
    Object.defineProperty(fixture.rec, 'maxCost', { value: 1e5 });
    const out = garbageLike(fixture, weight);
    await applyMask(fixture.rec, weight, mask, out);
    expect(await bytesOf(fixture, out)).toEqual(applyMaskRef(w.bytes, 'F16', 700, 96, words));
    const counters = upload(fixture, new Uint32Array(16).fill(5));
    await countZeros(fixture.rec, out, null, counters);
    const zeros = new Uint32Array(await fixture.rec.read(counters, 0, zeroPartials(out) * 4));
    expect(sumCounts(zeros)).toBe(countZerosRef(w.bytes, 'F16', 700, 96, words));
    expect(fixture.rec.work.dispatches).toBeGreaterThan(6);
  }),
);

test(
  'a copy onto itself and unlike shapes are refused',
  withGpu(async (fixture) => {
    const weight = uploadCase(fixture, normalWeight(4, 40, 'F16'));
    const { mask } = someMask(fixture, normalWeight(4, 40, 'F16'));
    await expect(applyMask(fixture.rec, weight, mask, weight)).rejects.toThrow('does not fit');
    await expect(
      applyMask(fixture.rec, weight, mask, { ...garbageLike(fixture, weight), dtype: 'BF16' }),
    ).rejects.toThrow('is not like');
    await expect(countZeros(fixture.rec, weight, { ...mask, rows: 5 }, mask.buffer)).rejects.toThrow('mask');
  }),
);
