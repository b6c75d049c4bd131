import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import type { Groups } from '../core/sparseSizes';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct, uploadVec } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { applyMask } from './applyMask';
import { matvec } from './matvec';
import { matvecRef } from './matvec.ref';
import type { PackedFormat } from './packed';
import { packedMatvec, packedVariants, unpack } from './packedMatvec';
import { packedTrial } from './packedTrial';

const DTYPES: FloatDtype[] = ['F32', 'F16', 'BF16'];
const TWO: Groups = { keep: 2, group: 4 };
/** Outputs, columns, groups: around 16 outputs of a workgroup, 32 columns of a word, 64 words of a scan. */
const SHAPES: [PackedFormat, number, number, Groups?][] = [
  ...(['bitmask', 'csr'] as const).flatMap((f): [PackedFormat, number, number][] => [
    [f, 3, 4],
    [f, 17, 36],
    [f, 35, 260],
    [f, 5, 2116],
  ]),
  ['km', 17, 36, TWO],
  ['km', 9, 264, { keep: 3, group: 8 }],
  ['km', 5, 2116, TWO],
];
const CASES = SHAPES.flatMap(([format, n, k, groups]) =>
  packedVariants({ format, groups: groups ?? null }).map(
    (variant) => [variant, format, n, k, groups] as const,
  ),
);

describe('packed matvec', () => {
  test.each(CASES)(
    '%s %s %i x %i against f64, and the masked kernel bit for bit',
    async (variant, format, n, k, groups) => {
      await runOnGpu(async (gpu) => {
        for (const dtype of DTYPES) {
          const trial = packedTrial(gpu, {
            rows: n,
            cols: k,
            dtype,
            format,
            groups,
            shardRows: Math.ceil(n / 8) * 4,
          });
          const [x, bias, residual] = [normals(k, 20), normals(n, 22), normals(n, 23)];
          const act = uploadAct(gpu, x, k);
          const extra = { bias: uploadVec(gpu, bias), residual: uploadAct(gpu, residual, n) };
          const out = poisonedAct(gpu, 1, n);
          await packedMatvec(gpu.rec, act, trial.packed, out, { ...extra, variant, gridWidth: 7 });
          const got = await readAct(gpu, out);
          const ref = matvecRef(x, trial.values, k, { bias, residual, keep: trial.keep });
          expectClose(got, ref.values, (i) => TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0), dtype);

          const masked = poisonedAct(gpu, 1, n);
          await matvec(gpu.rec, act, trial.weight, masked, {
            ...extra,
            mask: trial.mask,
            variant: variant === 'tree' ? 'tree' : 'lane',
          });
          const same = await readAct(gpu, masked);
          // By columns only rounding is promised.
          if (format !== 'csr') expect([...got]).toEqual([...same]);
        }
      });
    },
  );

  test.each(SHAPES)(
    '%s %i x %i written out is the masked copy, bit for bit',
    async (format, n, k, groups) => {
      await runOnGpu(async (gpu) => {
        for (const dtype of DTYPES) {
          const shardRows = Math.ceil(n / 8) * 4;
          const shape = { rows: n, cols: k, dtype, format, groups, shardRows };
          const trial = packedTrial(gpu, shape);
          // Targets full of the unmasked weights: what is not written shows.
          const [want, out] = [packedTrial(gpu, shape).weight, packedTrial(gpu, shape).weight];
          await applyMask(gpu.rec, trial.weight, trial.mask, want);
          await unpack(gpu.rec, trial.packed, out);
          for (const [i, shard] of want.shards.entries()) {
            const bytes = shard.rows * k * (dtype === 'F32' ? 4 : 2);
            const other = out.shards[i]?.buffer ?? shard.buffer;
            const [a, b] = await gpu.rec.readMany([
              { buffer: shard.buffer, bytes },
              { buffer: other, bytes },
            ]);
            expect(new Uint8Array(b as ArrayBuffer)).toEqual(new Uint8Array(a as ArrayBuffer));
          }
        }
      });
    },
  );
});
