/**
 * Cases of the pruning kernels. Masks and counts must agree bit for bit with the references, on rows where that is
 * hard: ties, both zeros, NaN, infinities, values next to the smallest normal number.
 */
import type { FloatDtype } from '../../core/dtypes';
import { LabError } from '../../core/errors';
import { applyMask } from '../../ops/applyMask';
import { applyMaskRef, countZerosRef } from '../../ops/applyMask.ref';
import { expectClose } from '../../ops/compare';
import { countZeros, sumCounts, zeroPartials } from '../../ops/countZeros';
import { errorPartials, errorSums, sumPartials, type ErrorTotals } from '../../ops/errorSums';
import { crossMagnitude, errorSumsRef } from '../../ops/errorSums.ref';
import { rowsRef } from '../../ops/select.ref';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { normals, upload, uploadAct } from '../../ops/trial';
import type { Act } from '../../ops/types';
import { NO_VARIANTS, type KernelCheck } from './check';
import { countsFor, each, POISON, poisonedMask, scored, scoresOf } from './hardRows';

function maskedCopyCheck(dtype: FloatDtype, cols: number, thorough?: true): KernelCheck {
  return {
    op: 'applyMask',
    what: `10 x ${cols} ${dtype}`,
    ...NO_VARIANTS,
    thorough,
    async run(rig) {
      const s = scored(rig, cols, dtype, false);
      const words = rowsRef(scoresOf(s, dtype), cols, countsFor(s.rows, cols));
      const mask = poisonedMask(rig, s.rows, cols);
      rig.rec.write(mask.buffer, 0, words);
      const shards = s.weight.shards.map((shard) => ({
        ...shard,
        buffer: upload(rig, new Uint8Array(shard.buffer.bytes).fill(0xee)),
      }));
      await applyMask(rig.rec, s.weight, mask, { ...s.weight, shards });
      const want = applyMaskRef(s.bytes, dtype, s.rows, cols, words);
      const rowBytes = s.bytes.byteLength / s.rows;
      for (const shard of shards) {
        const got = new Uint8Array(await rig.rec.read(shard.buffer, 0, shard.rows * rowBytes));
        const begin = shard.rowBegin * rowBytes;
        const bad = got.findIndex((byte, i) => byte !== want[begin + i]);
        if (bad >= 0) throw new LabError('InternalError', `byte ${begin + bad} of ${want.length} is wrong`);
      }
    },
  };
}

function countZerosCheck(dtype: FloatDtype, masked: boolean, thorough?: true): KernelCheck {
  return {
    op: 'countZeros',
    what: `${dtype}${masked ? ' with a mask' : ''}`,
    ...NO_VARIANTS,
    thorough,
    async run(rig) {
      const s = scored(rig, 75, dtype, false);
      const words = masked ? rowsRef(scoresOf(s, dtype), s.cols, countsFor(s.rows, s.cols)) : null;
      const mask = poisonedMask(rig, s.rows, s.cols);
      if (words) rig.rec.write(mask.buffer, 0, words);
      const out = upload(rig, new Uint32Array(zeroPartials(s.weight)).fill(POISON));
      await countZeros(rig.rec, s.weight, words && mask, out);
      const got = sumCounts(new Uint32Array(await rig.rec.read(out, 0, zeroPartials(s.weight) * 4)));
      const want = countZerosRef(s.bytes, dtype, s.rows, s.cols, words);
      if (got !== want) throw new LabError('InternalError', `${got} zeros instead of ${want}`);
    },
  };
}

/** `streams`: how many of b and d are given. */
function errorSumsCheck(streams: 0 | 1 | 2): KernelCheck {
  return {
    op: 'errorSums',
    what: `${streams} extra streams`,
    ...NO_VARIANTS,
    async run(rig) {
      const [rows, cols] = [7, 61];
      const c = normals(rows * cols, 22, 5);
      const near = (seed: number): Float32Array => {
        const noise = normals(rows * cols, seed, 0.02);
        return c.map((v, i) => v + (noise[i] ?? 0));
      };
      const s = { a: near(23), b: near(24), c, d: near(25) };
      const act = (data: Float32Array): Act => uploadAct(rig, data, cols);
      const partials = errorPartials(rows * cols);
      const out = upload(rig, new Float32Array(partials * 6).fill(NaN));
      const extra = { ...(streams > 0 ? { b: act(s.b) } : {}), ...(streams > 1 ? { d: act(s.d) } : {}) };
      await errorSums(rig.rec, { a: act(s.a), c: act(s.c), ...extra }, out);
      const got = sumPartials(await rig.rec.readF32(out, partials * 6));
      const all = errorSumsRef(s);
      const want = { ...all, ...(streams < 2 ? { local: 0 } : {}), ...(streams < 1 ? { inPlace: 0, inherited: 0, cross: 0 } : {}) }; // prettier-ignore
      const list = (t: ErrorTotals): number[] => [
        t.local,
        t.inPlace,
        t.inherited,
        t.cumulative,
        t.cross,
        t.dense,
      ];
      const bounds = list({ ...want, cross: streams > 0 ? crossMagnitude(s) : 0 }).map((x) => OP_TOLERANCE.errorSums(x)); // prettier-ignore
      expectClose(list(got), list(want), bounds);
    },
  };
}

/**
 * The quick test takes each kernel with one weight type, all three types among them; the thorough one all.
 */
export const PRUNING_CHECKS: readonly KernelCheck[] = [
  ...each((d, t) => maskedCopyCheck(d, 96, t), 'F16'),
  ...each((d, t) => maskedCopyCheck(d, 75, t), 'BF16'),
  ...each((d, t) => countZerosCheck(d, false, t), 'F16'),
  ...each((d, t) => countZerosCheck(d, true, t ?? true), 'F32'),
  errorSumsCheck(0),
  errorSumsCheck(1),
  errorSumsCheck(2),
];
