/** Cases of the kernels of a forward pass. Sizes are small, odd, and beyond one tile of every variant. */
import type { FloatDtype } from '../../core/dtypes';
import { activate, ACTIVATIONS, type Activation } from '../../ops/activate';
import { activateRef } from '../../ops/activate.ref';
import { addPositions } from '../../ops/addPositions';
import { addPositionsRef } from '../../ops/addPositions.ref';
import {
  attention,
  ATTENTION_VARIANTS,
  attentionSupported,
  chooseAttention,
  type AttentionOptions,
  type AttentionVariant,
} from '../../ops/attention';
import { attentionRef } from '../../ops/attention.ref';
import { bySpeed } from '../../ops/choose';
import { columnEnergy, energyChunks, type ColumnEnergyVariant } from '../../ops/columnEnergy';
import { columnEnergyRef } from '../../ops/columnEnergy.ref';
import { expectClose } from '../../ops/compare';
import { embed } from '../../ops/embed';
import { embedRef } from '../../ops/embed.ref';
import { layerNorm, type LayerNormVariant } from '../../ops/layerNorm';
import { layerNormRef } from '../../ops/layerNorm.ref';
import { matmul } from '../../ops/matmul';
import { matmulRef } from '../../ops/matmul.ref';
import { chooseMatmul, MATMUL_VARIANTS, matmulSupported, type MatmulVariant } from '../../ops/matmulVariants';
import { chooseMatvec, matvec, type MatvecVariant } from '../../ops/matvec';
import { matvecRef } from '../../ops/matvec.ref';
import { rmsNorm, type RmsNormVariant } from '../../ops/rmsNorm';
import { rmsNormRef } from '../../ops/rmsNorm.ref';
import { rope } from '../../ops/rope';
import { ropeRef, ropeTableRef } from '../../ops/rope.ref';
import { softcap } from '../../ops/softcap';
import { softcapRef } from '../../ops/softcap.ref';
import { splitColumns } from '../../ops/splitColumns';
import { splitColumnsRef } from '../../ops/splitColumns.ref';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { normals, poisonedAct, readAct, upload, uploadAct, uploadVec, uploadWeight } from '../../ops/trial';
import { NO_VARIANTS, type KernelCheck, type Rig } from './check';
import { HEAD_CHECKS } from './headChecks';

export const DTYPES: readonly FloatDtype[] = ['F32', 'F16', 'BF16'];

const embedCheck = (dtype: FloatDtype): KernelCheck => ({
  op: 'embed',
  what: dtype,
  ...NO_VARIANTS,
  async run(rig) {
    const [rows, cols] = [37, 21];
    const table = uploadWeight(rig, normals(rows * cols, 1), cols, dtype, 20);
    const ids = Uint32Array.from({ length: 11 }, (_, i) => (i * 17 + 36) % rows);
    const out = poisonedAct(rig, ids.length, cols);
    await embed(rig.rec, table.weight, upload(rig, ids), ids.length, out, { scale: 3 });
    const want = embedRef(table.values, cols, ids, 3);
    expectClose(await readAct(rig, out), want, (_, value) => OP_TOLERANCE.embedScaled(value));
  },
});

const addPositionsCheck = (dtype: FloatDtype): KernelCheck => ({
  op: 'addPositions',
  what: dtype,
  ...NO_VARIANTS,
  async run(rig) {
    const [rows, cols] = [15, 21];
    const options = { seqLength: 5, positionBegin: 3, offset: 2 };
    const table = uploadWeight(rig, normals(11 * cols, 32), cols, dtype, 7);
    const x = normals(rows * cols, 33);
    const out = poisonedAct(rig, rows, cols);
    rig.rec.write(out.buffer, 0, x);
    await addPositions(rig.rec, table.weight, out, options);
    const want = addPositionsRef(x, table.values, cols, options);
    expectClose(await readAct(rig, out), want, (_, value) => OP_TOLERANCE.addPositions(value));
  },
});

const rmsNormCheck: KernelCheck = {
  op: 'rmsNorm',
  what: '9 x 85 onto a residual',
  variants: () => ['lane', 'tree'],
  choose: (ctx) => bySpeed(ctx, 'rmsNorm', 'lane', 'tree'),
  async run(rig, variant) {
    const [rows, cols] = [9, 85];
    const x = normals(rows * cols, 2, 2);
    const weight = normals(cols, 3);
    const residual = normals(rows * cols, 26);
    const out = poisonedAct(rig, rows, cols);
    const options = { eps: 1e-5, offset: 1 } as const;
    await rmsNorm(rig.rec, uploadAct(rig, x, cols), uploadVec(rig, weight), out, {
      ...options,
      residual: uploadAct(rig, residual, cols),
      variant: variant as RmsNormVariant,
    });
    const ref = rmsNormRef(x, weight, cols, { ...options, residual });
    expectClose(await readAct(rig, out), ref.values, (i, value) =>
      OP_TOLERANCE.rmsNorm(cols, ref.normed[i] ?? 0, value),
    );
  },
};

const layerNormCheck: KernelCheck = {
  op: 'layerNorm',
  what: '9 x 85 far from 0, onto a residual',
  variants: () => ['lane', 'tree'],
  choose: (ctx) => bySpeed(ctx, 'layerNorm', 'lane', 'tree'),
  async run(rig, variant) {
    const [rows, cols] = [9, 85];
    const x = normals(rows * cols, 28).map((v, i) => v + 1000 * Math.floor(i / cols));
    const [weight, bias, residual] = [normals(cols, 29), normals(cols, 30), normals(rows * cols, 31)];
    const out = poisonedAct(rig, rows, cols);
    await layerNorm(rig.rec, uploadAct(rig, x, cols), uploadVec(rig, weight), uploadVec(rig, bias), out, {
      eps: 1e-5,
      residual: uploadAct(rig, residual, cols),
      variant: variant as LayerNormVariant,
    });
    const ref = layerNormRef(x, weight, { eps: 1e-5, bias, residual });
    expectClose(await readAct(rig, out), ref.values, (i, value) => OP_TOLERANCE.layerNorm(ref.at(i), value));
  },
};

export function matmulCheck(dtype: FloatDtype, m: number, n: number, k: number): KernelCheck {
  return {
    op: 'matmul',
    what: `${m} x ${n} x ${k} ${dtype}`,
    variants: (ctx) => MATMUL_VARIANTS.filter((v) => matmulSupported(ctx, v, k, dtype)),
    choose: (ctx) => chooseMatmul(ctx, { m, n, k, dtype }),
    async run(rig, variant) {
      const x = normals(m * k, 4);
      const w = uploadWeight(rig, normals(n * k, 5), k, dtype, Math.ceil(n / 8) * 4);
      const [bias, residual] = [normals(n, 6), normals(m * n, 7)];
      const out = poisonedAct(rig, m, n);
      await matmul(rig.rec, uploadAct(rig, x, k), w.weight, out, {
        bias: uploadVec(rig, bias),
        residual: uploadAct(rig, residual, n),
        variant: variant as MatmulVariant,
      });
      const ref = matmulRef(x, w.values, k, { bias, residual });
      expectClose(await readAct(rig, out), ref.values, (i) =>
        variant === 'half'
          ? OP_TOLERANCE.matmulHalf(k, ref.magnitudes[i] ?? 0, 6)
          : OP_TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0),
      );
    },
  };
}

function matvecCheck(dtype: FloatDtype, n: number, k: number): KernelCheck {
  return {
    op: 'matvec',
    what: `3 x ${n} x ${k} ${dtype}`,
    variants: () => (k % 4 === 0 ? ['lane', 'tree', 'scalar'] : ['scalar']),
    choose: (ctx) => chooseMatvec(ctx, k),
    async run(rig, variant) {
      const x = normals(3 * k, 8);
      const w = uploadWeight(rig, normals(n * k, 9), k, dtype, Math.ceil(n / 8) * 4);
      const wordsPerRow = Math.ceil(k / 32);
      const words = new Uint32Array(n * wordsPerRow);
      const keep = (i: number): boolean => (i * 2654435761) % 7 > 2;
      for (let i = 0; i < n * k; i++) {
        const at = Math.floor(i / k) * wordsPerRow + ((i % k) >> 5);
        if (keep(i)) words[at] = (words[at] ?? 0) | (1 << ((i % k) & 31));
      }
      const bias = normals(n, 10);
      const out = poisonedAct(rig, 3, n);
      await matvec(rig.rec, uploadAct(rig, x, k), w.weight, out, {
        bias: uploadVec(rig, bias),
        mask: { buffer: upload(rig, words), rows: n, cols: k, wordsPerRow },
        variant: variant as MatvecVariant,
      });
      const ref = matvecRef(x, w.values, k, { bias, keep });
      expectClose(await readAct(rig, out), ref.values, (i) => OP_TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0));
    },
  };
}

const splitColumnsCheck: KernelCheck = {
  op: 'splitColumns',
  what: 'every third block, the last cut off',
  ...NO_VARIANTS,
  async run(rig) {
    const [rows, cols, outCols] = [7, 65, 18];
    const options = { begin: 10, block: 5, stride: 15 };
    const x = normals(rows * cols, 27);
    const out = poisonedAct(rig, rows, outCols);
    await splitColumns(rig.rec, uploadAct(rig, x, cols), out, options);
    expectClose(await readAct(rig, out), splitColumnsRef(x, cols, outCols, options), () => 0);
  },
};

const ropeCheck: KernelCheck = {
  op: 'rope',
  what: 'two sequences',
  ...NO_VARIANTS,
  async run(rig) {
    const shape = { heads: 3, headDim: 10, seqLength: 7, positionBegin: 5, rotaryDim: 8 };
    const x = normals(14 * 30, 11);
    const table = Float32Array.from(ropeTableRef(12, shape.rotaryDim, 1e4));
    const act = uploadAct(rig, x, 30);
    await rope(rig.rec, act, upload(rig, table), shape);
    const got = await rig.rec.readF32(act.buffer, x.length);
    expectClose(got, ropeRef(x, table, shape), () => OP_TOLERANCE.rope(5, 5));
  },
};

async function runAttention(rig: Rig, shape: Omit<AttentionOptions, 'scale'>): Promise<void> {
  const { batch, queries, keys, heads, kvHeads, headDim } = shape;
  const options = { ...shape, scale: headDim ** -0.5 };
  const q = normals(batch * queries * heads * headDim, 12);
  const k = normals(batch * keys * kvHeads * headDim, 13);
  const v = normals(batch * keys * kvHeads * headDim, 14);
  const out = poisonedAct(rig, batch * queries, heads * headDim);
  const kv = kvHeads * headDim;
  await attention(rig.rec, uploadAct(rig, q, heads * headDim), uploadAct(rig, k, kv), uploadAct(rig, v, kv), out, options, rig.workspace); // prettier-ignore
  const ref = attentionRef(q, k, v, options);
  expectClose(await readAct(rig, out), ref.values, (i) =>
    OP_TOLERANCE[shape.tiles === 'flash' ? 'attentionOnline' : 'attention'](
      headDim,
      keys,
      ref.scoreMagnitudes[i] ?? 0,
      ref.magnitudes[i] ?? 0,
      !!shape.softcap,
    ),
  );
}

/** Over plain tiles, so that a wrong softmax is not blamed on the tiles, which are tried after it. */
const softmaxCheck = (extra: { window?: number; softcap?: number } = {}): KernelCheck => ({
  op: 'attention',
  what: extra.window ? 'softmax with a window and a soft cap' : 'softmax',
  variants: () => ['lane', 'tree'],
  choose: (ctx) => bySpeed(ctx, 'attention', 'lane', 'tree'),
  run: (rig, variant) =>
    runAttention(rig, { batch: 2, queries: 13, keys: 20, heads: 2, kvHeads: 1, headDim: 5, positionBegin: 7, tiles: 'scalar', softmax: variant as 'lane' | 'tree', ...extra }), // prettier-ignore
});

export function tilesCheck(headDim: number, queries: number, window?: number): KernelCheck {
  return {
    op: 'attention',
    what: `${queries} queries, heads of ${headDim}${window ? `, a window of ${window}` : ''}`,
    variants: (ctx) => ATTENTION_VARIANTS.filter((tiles) => attentionSupported(ctx, tiles, headDim)),
    choose: (ctx) => chooseAttention(ctx, headDim, queries),
    run: (rig, variant) =>
      runAttention(rig, { batch: 2, queries, keys: queries, heads: 3, kvHeads: 1, headDim, positionBegin: 0, window, tiles: variant as AttentionVariant }), // prettier-ignore
  };
}

/** Gated as most models have it; relu, which stands alone there, alone. Large values, where exp could overflow, too. */
const activateCheck = (kind: Activation): KernelCheck => ({
  op: 'activate',
  what: kind,
  ...NO_VARIANTS,
  async run(rig) {
    const x = Float32Array.of(...normals(160, 15, 3), -1e30, 1e30, -40, 40, 0);
    const up = kind === 'relu' ? null : normals(165, 16);
    const padded = upload(rig, Float32Array.of(...x, ...new Float32Array(16).fill(NaN)));
    const act = { buffer: padded, rows: 5, cols: 33 };
    await activate(rig.rec, kind, act, up && uploadAct(rig, up, 33));
    const ref = activateRef(kind, x, up);
    expectClose(await readAct(rig, act), ref.values, (i, value) =>
      OP_TOLERANCE.activate(ref.exponents[i] ?? 0, ref.tails[i] ?? 0, value, ref.inputs[i] ?? 0),
    );
  },
});

const softcapCheck: KernelCheck = {
  op: 'softcap',
  what: 'arguments from small to far beyond exp',
  ...NO_VARIANTS,
  async run(rig) {
    const options = { softcap: 30, scale: 0.5 };
    const x = Float32Array.from({ length: 303 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 2 ** (i / 5 - 20));
    const act = uploadAct(rig, x, x.length);
    await softcap(rig.rec, act, options);
    const want = softcapRef(x, options);
    expectClose(await rig.rec.readF32(act.buffer, x.length), want, (_, v) => OP_TOLERANCE.softcap(v));
  },
};

const columnEnergyCheck: KernelCheck = {
  op: 'columnEnergy',
  what: '37 x 70 in chunks of 16',
  variants: () => ['lane', 'group'],
  choose: (ctx) => bySpeed(ctx, 'columnEnergy', 'lane', 'group'),
  async run(rig, variant) {
    const [rows, cols, rowsPerChunk] = [37, 70, 16];
    const x = normals(rows * cols, 19);
    const out = poisonedAct(rig, energyChunks(rows, rowsPerChunk), cols);
    await columnEnergy(rig.rec, uploadAct(rig, x, cols), out.buffer, { rowsPerChunk, variant: variant as ColumnEnergyVariant }); // prettier-ignore
    const want = columnEnergyRef(x, cols, rowsPerChunk);
    expectClose(await readAct(rig, out), want, (_, value) => OP_TOLERANCE.columnEnergy(rowsPerChunk, value));
  },
};

/** Independent of one another. */
export const FORWARD_CHECKS: readonly KernelCheck[] = [
  // Two shards, three row tiles of the largest variant and a ragged edge; then few rows; then any k. First, because
  // these take longest to compile.
  ...DTYPES.map((dtype) => matmulCheck(dtype, 131, 43, 28)),
  softmaxCheck(),
  softmaxCheck({ window: 6, softcap: 1.5 }),
  ...DTYPES.map((dtype) => matmulCheck(dtype, 7, 18, 20)),
  ...DTYPES.map((dtype) => matmulCheck(dtype, 9, 11, 7)),
  ...DTYPES.map((dtype) => matvecCheck(dtype, 21, 36)),
  ...DTYPES.map((dtype) => matvecCheck(dtype, 13, 35)),
  ...DTYPES.map(embedCheck),
  ...DTYPES.map(addPositionsCheck),
  rmsNormCheck,
  layerNormCheck,
  splitColumnsCheck,
  ropeCheck,
  ...ACTIVATIONS.map(activateCheck),
  softcapCheck,
  columnEnergyCheck,
];

/** These use kernels of the others: tried when those have been. */
export const DEPENDENT_CHECKS: readonly KernelCheck[] = [
  tilesCheck(12, 35),
  tilesCheck(8, 5),
  tilesCheck(7, 9),
  tilesCheck(12, 71, 21),
  tilesCheck(5, 12, 3),
  ...HEAD_CHECKS,
];
