/**
 * Cases of the pruning kernels. Masks and counts must agree bit for bit with the references, on rows where that is
 * hard: ties, both zeros, NaN, infinities, values next to the smallest normal number.
 */
import { fromF32, toF32, type FloatDtype } from '../../core/dtypes';
import { LabError } from '../../core/errors';
import { Rng } from '../../core/rng';
import { applyMask } from '../../ops/applyMask';
import { applyMaskRef, countZerosRef } from '../../ops/applyMask.ref';
import { bySpeed } from '../../ops/choose';
import { expectClose } from '../../ops/compare';
import { countZeros, sumCounts, zeroPartials } from '../../ops/countZeros';
import { errorPartials, errorSums, sumPartials, type ErrorTotals } from '../../ops/errorSums';
import { crossMagnitude, errorSumsRef } from '../../ops/errorSums.ref';
import { rowMargin } from '../../ops/rowMargin';
import { rowMarginRef } from '../../ops/rowMargin.ref';
import { maskFromRanks, selectGroups, selectMatrix, selectRows, type SelectVariant } from '../../ops/select';
import { groupsRef, matrixRef, rowsRef, scoresRef } from '../../ops/select.ref';
import { maskFromRanks as maskFromRanksCpu, rowRanks } from '../../ops/selectCpu';
import type { MatrixRule } from '../../ops/selectRules';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { normals, upload, uploadAct, uploadVec, uploadWeight } from '../../ops/trial';
import type { Act, MaskBuffer, Vec, Weight } from '../../ops/types';
import { NO_VARIANTS, type KernelCheck, type Rig } from './check';
import { DTYPES } from './forwardChecks';

interface Scored {
  rows: number;
  cols: number;
  weight: Weight;
  bytes: Uint8Array;
  norms: Vec | null;
  scores: Float64Array;
  hostNorms: Float32Array | null;
}

/** Ten rows, each hard in its own way. `cols` a multiple of 8 where groups are tried. */
function scored(rig: Rig, cols: number, dtype: FloatDtype, withNorms: boolean): Scored {
  const rng = new Rng(20, `hard rows ${cols}`);
  const pick = (list: readonly number[]) => (): number => list[rng.below(list.length)] ?? 0;
  const kinds = [
    () => rng.normal(),
    () => rng.normal(),
    () => 0.5,
    pick([0, -0]),
    pick([NaN, 1, -2, 0]),
    pick([Infinity, -Infinity, 3]),
    () => (rng.below(8) - 4) / 8,
    pick([2 ** -24, -3 * 2 ** -24, 2 ** -14, 0]),
    () => 2 ** -rng.below(12),
    () => 1 + rng.below(5) * 2 ** -8,
  ];
  const values = Float32Array.from(
    { length: kinds.length * cols },
    (_, i) => kinds[Math.floor(i / cols)]?.() ?? 0,
  );
  const bytes = fromF32(values, dtype);
  const hostNorms = withNorms ? normals(cols, 21).map(Math.abs) : null;
  if (hostNorms) hostNorms[1] = 0;
  return {
    rows: kinds.length,
    cols,
    weight: uploadWeight(rig, values, cols, dtype, 4).weight,
    bytes,
    norms: hostNorms && uploadVec(rig, hostNorms),
    scores: scoresRef(toF32(bytes, dtype), cols, hostNorms),
    hostNorms,
  };
}

const POISON = 0xdeadbeef;

function poisonedMask(rig: Rig, rows: number, cols: number): MaskBuffer {
  const wordsPerRow = Math.ceil(cols / 32);
  return {
    buffer: upload(rig, new Uint32Array(rows * wordsPerRow + 8).fill(POISON)),
    rows,
    cols,
    wordsPerRow,
  };
}

async function expectMask(rig: Rig, mask: MaskBuffer, want: Uint32Array): Promise<void> {
  const got = new Uint32Array(await rig.rec.read(mask.buffer, 0, (want.length + 8) * 4));
  const bad = got.findIndex((word, i) => word !== (want[i] ?? POISON));
  if (bad >= 0) throw new LabError('InternalError', `mask word ${bad} of ${want.length} is wrong`);
}

function countsFor(rows: number, cols: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, r) => [Math.trunc(cols * 0.7), 0, cols, 1, Math.trunc(cols / 2)][r % 5] ?? 0); // prettier-ignore
}

type SelectKind = 'rows' | 'inclusive' | 'exact' | 'groups';

function selectCheck(kind: SelectKind, dtype: FloatDtype, withNorms: boolean, thorough?: true): KernelCheck {
  const choices =
    kind === 'rows'
      ? {
          variants: () => ['lane', 'group'],
          choose: (ctx: Rig['ctx']) => bySpeed(ctx, 'selectRows', 'lane', 'group'),
        }
      : NO_VARIANTS;
  return {
    op: kind === 'rows' ? 'selectRows' : kind === 'groups' ? 'selectGroups' : 'selectMatrix',
    what: `${kind} ${dtype}${withNorms ? ' with norms' : ''}`,
    ...choices,
    fallback: 'select',
    thorough,
    async run(rig, variant) {
      const s = scored(rig, 72, dtype, withNorms);
      const mask = poisonedMask(rig, s.rows, s.cols);
      if (kind === 'rows') {
        const counts = countsFor(s.rows, s.cols);
        await selectRows(rig.rec, s.weight, s.norms, upload(rig, counts), mask, {
          variant: variant as SelectVariant,
        });
        await expectMask(rig, mask, rowsRef(s.scores, s.cols, counts));
      } else if (kind === 'groups') {
        await selectGroups(rig.rec, s.weight, s.norms, { keep: 3, group: 8 }, mask);
        await expectMask(rig, mask, groupsRef(s.scores, s.cols, { keep: 3, group: 8 }));
      } else {
        const at = Math.trunc(s.rows * s.cols * 0.45);
        const rule: MatrixRule =
          kind === 'exact' ? { rule: 'exact', count: at } : { rule: 'inclusive', index: at };
        await selectMatrix(rig.rec, s.weight, s.norms, rule, mask);
        await expectMask(rig, mask, matrixRef(s.scores, s.cols, rule));
      }
    },
  };
}

const ranksCheck: KernelCheck = {
  op: 'maskFromRanks',
  what: '10 x 72',
  ...NO_VARIANTS,
  fallback: 'select',
  async run(rig) {
    const s = scored(rig, 72, 'F32', true);
    const counts = countsFor(s.rows, s.cols);
    const ranks = rowRanks(s.bytes, 'F32', s.rows, s.cols, s.hostNorms);
    const mask = poisonedMask(rig, s.rows, s.cols);
    const packed = new Uint8Array(ranks.buffer, ranks.byteOffset, ranks.byteLength);
    await maskFromRanks(rig.rec, upload(rig, packed), upload(rig, counts), mask);
    await expectMask(rig, mask, maskFromRanksCpu(ranks, s.rows, s.cols, counts));
  },
};

function maskedCopyCheck(dtype: FloatDtype, cols: number, thorough?: true): KernelCheck {
  return {
    op: 'applyMask',
    what: `10 x ${cols} ${dtype}`,
    ...NO_VARIANTS,
    thorough,
    async run(rig) {
      const s = scored(rig, cols, dtype, false);
      const words = rowsRef(s.scores, cols, countsFor(s.rows, cols));
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
      const words = masked ? rowsRef(s.scores, s.cols, countsFor(s.rows, s.cols)) : null;
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

function rowMarginCheck(dtype: FloatDtype, withNorms: boolean, thorough?: true): KernelCheck {
  return {
    op: 'rowMargin',
    what: `${dtype}${withNorms ? ' with norms' : ''}`,
    ...NO_VARIANTS,
    thorough,
    async run(rig) {
      const s = scored(rig, 72, dtype, withNorms);
      const words = rowsRef(s.scores, s.cols, countsFor(s.rows, s.cols));
      const mask = poisonedMask(rig, s.rows, s.cols);
      rig.rec.write(mask.buffer, 0, words);
      const out = upload(rig, new Float32Array(s.rows * 2).fill(NaN));
      await rowMargin(rig.rec, s.weight, s.norms, mask, out);
      expectClose(await rig.rec.readF32(out, s.rows * 2), rowMarginRef(s.scores, s.cols, words), () => 0);
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

const each = (make: (dtype: FloatDtype, thorough?: true) => KernelCheck, quick: FloatDtype): KernelCheck[] =>
  DTYPES.map((dtype) => make(dtype, dtype === quick ? undefined : true));

/**
 * The quick test takes each kernel with one weight type, all three types among them; the thorough one all. What a
 * software adapter would not use (masks are chosen on the CPU there) is left to the thorough test.
 */
export const PRUNING_CHECKS: readonly KernelCheck[] = [
  ...each((d, t) => selectCheck('rows', d, true, t), 'F16'),
  ...each((d, t) => selectCheck('rows', d, false, t), 'BF16'),
  ...each((d, t) => selectCheck('inclusive', d, false, t), 'F16'),
  ...each((d, t) => selectCheck('exact', d, true, t), 'F32'),
  ...each((d, t) => selectCheck('groups', d, true, t), 'BF16'),
  ...each((d, t) => selectCheck('groups', d, false, t), 'F16'),
  ranksCheck,
  ...each((d, t) => maskedCopyCheck(d, 96, t), 'F16'),
  ...each((d, t) => maskedCopyCheck(d, 75, t), 'BF16'),
  ...each((d, t) => countZerosCheck(d, false, t), 'F16'),
  ...each((d, t) => countZerosCheck(d, true, t ?? true), 'F32'),
  ...each((d, t) => rowMarginCheck(d, true, t), 'F16'),
  ...each((d, t) => rowMarginCheck(d, false, t), 'BF16'),
  errorSumsCheck(0),
  errorSumsCheck(1),
  errorSumsCheck(2),
];
