/** Cases of the kernels over logits: they use matmul, and are tried when that has been. */
import { bySpeed } from '../../ops/choose';
import { expectClose } from '../../ops/compare';
import { headCompare, type HeadCompareVariant } from '../../ops/headCompare';
import { headCompareRef } from '../../ops/headCompare.ref';
import { headLoss, UNSCORED, type HeadLossVariant } from '../../ops/headLoss';
import { headLossRef } from '../../ops/headLoss.ref';
import { matmulRef } from '../../ops/matmul.ref';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { normals, readAct, upload, uploadAct, uploadWeight } from '../../ops/trial';
import type { KernelCheck } from './check';

const headLossCheck: KernelCheck = {
  op: 'headLoss',
  what: 'pieces of the vocabulary',
  variants: () => ['lane', 'tree'],
  choose: (ctx) => bySpeed(ctx, 'headLoss', 'lane', 'tree'),
  async run(rig, variant) {
    const [rows, vocab, k] = [21, 203, 12];
    const x = normals(rows * k, 17);
    const w = uploadWeight(rig, normals(vocab * k, 18), k, 'F32', 120);
    const targets = Uint32Array.from({ length: rows }, (_, r) => (r === 3 ? UNSCORED : (r * 37) % vocab));
    const losses = upload(rig, new Float32Array(rows + 16).fill(NaN));
    await headLoss(rig.rec, uploadAct(rig, x, k), w.weight, upload(rig, targets), losses, rig.workspace, {
      variant: variant as HeadLossVariant,
      scratchBytes: rows * 64 * 4,
    });
    const ref = matmulRef(x, w.values, k);
    const bound = (r: number): number => {
      const of = ref.values.subarray(r * vocab, (r + 1) * vocab);
      const magnitude = Math.max(...ref.magnitudes.subarray(r * vocab, (r + 1) * vocab));
      return OP_TOLERANCE.headLoss(k, vocab, magnitude, Math.max(...of) - Math.min(...of));
    };
    const got = await readAct(rig, { buffer: losses, rows, cols: 1 });
    expectClose(got, headLossRef(ref.values, vocab, targets), bound);
  },
};

/** Streams that differ by `noise`: near ones, whose divergence a plain difference would lose, and far ones. */
const headCompareCheck = (what: string, noise: number): KernelCheck => ({
  op: 'headCompare',
  what,
  variants: () => ['lane', 'tree'],
  choose: (ctx) => bySpeed(ctx, 'headCompare', 'lane', 'tree'),
  async run(rig, variant) {
    const [rows, vocab, k] = [21, 203, 12];
    const dense = normals(rows * k, 17);
    const distance = normals(rows * k, 26, noise);
    const pruned = dense.map((x, i) => x + (distance[i] ?? 0));
    const w = uploadWeight(rig, normals(vocab * k, 18), k, 'F32', 120);
    const targets = Uint32Array.from({ length: rows }, (_, r) => (r === 3 ? UNSCORED : (r * 37) % vocab));
    const out = upload(rig, new Float32Array(rows * 4 + 16).fill(NaN));
    const streams = [uploadAct(rig, dense, k), uploadAct(rig, pruned, k)] as const;
    const buffers = {
      targets: upload(rig, targets),
      losses: upload(rig, new Float32Array(rows)),
      figures: out,
    };
    await headCompare(rig.rec, ...streams, w.weight, buffers, rig.workspace, {
      variant: variant as HeadCompareVariant,
      scratchBytes: rows * 64 * 4,
    });
    const [a, b] = [matmulRef(dense, w.values, k), matmulRef(pruned, w.values, k)];
    const ref = headCompareRef(a.values, b.values, vocab, targets);
    const bound = (i: number): number => {
      const r = Math.floor(i / 4);
      const most = (x: Float64Array): number =>
        Math.max(...x.subarray(r * vocab, (r + 1) * vocab).map(Math.abs));
      const magnitude = Math.max(most(a.magnitudes), most(b.magnitudes));
      const shape = { k, vocab, magnitude, spread: 2 * Math.max(most(a.values), most(b.values)) };
      if (i % 4 === 1) return 0;
      if (i % 4 > 1) return OP_TOLERANCE.headLoss(k, vocab, magnitude, shape.spread);
      const far = (ref.farthest[r] ?? 0) > 20;
      return OP_TOLERANCE.headCompareKl({
        ...shape,
        kl: ref.values[i] ?? 0,
        deviation: ref.deviations[r] ?? 0,
        far,
      });
    };
    expectClose(await readAct(rig, { buffer: out, rows, cols: 4 }), ref.values, bound);
  },
});

export const HEAD_CHECKS: readonly KernelCheck[] = [
  headLossCheck,
  headCompareCheck('near streams', 1e-3),
  headCompareCheck('far streams', 1),
];
