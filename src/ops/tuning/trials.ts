/** What is measured for a class of shapes: its candidates on made-up operands, and whether two of them agree. */
import { DTYPE_BYTES, fromF32, type FloatDtype } from '../../core/dtypes';
import type { GpuContext } from '../../gpu/context';
import type { Recorder } from '../../gpu/recorder';
import type { LabBuffer } from '../../gpu/scope';
import {
  attention,
  attentionClass,
  attentionSupported,
  chooseAttention,
  type AttentionVariant,
} from '../attention';
import { matmul } from '../matmul';
import {
  chooseMatmul,
  matmulClass,
  matmulPrior,
  matmulSupported,
  type MatmulShape,
  type MatmulVariant,
} from '../matmulVariants';
import { OP_TOLERANCE } from '../tolerances';
import type { Place } from '../trial';
import type { Act } from '../types';
import type { Workspace } from '../workspace';

export interface Trial {
  /** As it stands before the variant in ctx.disabled. */
  op: 'matmul' | 'attention';
  /** The class that it decides. */
  key: string;
  /** What the op takes by itself. */
  prior: string;
  candidates: string[];
  /** Takes operands into `place`. */
  prepare: (place: Place, workspace: Workspace) => Prepared;
}

export interface Prepared {
  run: (rec: Recorder, candidate: string) => Promise<void>;
  /** Of the last run. */
  read: (rec: Recorder) => Promise<Float32Array>;
  /** How far two results may lie apart. */
  tolerance: number;
}

/** Values in a row; what is larger repeats them, with rows out of step. */
const PATTERN = 16380;

/** Of a weight that is made up; a larger one is measured by as many of its rows. */
const WEIGHT_BYTES = 32 << 20;

/** Small whole numbers, -3 to 3: their products and sums are exact in f32, so right kernels agree to the bit. */
const whole = (i: number): number => (((i * 2654435761) >>> 8) % 7) - 3;

function filled(
  { ctx, scope }: Place,
  count: number,
  valueAt: (i: number) => number,
  dtype: FloatDtype = 'F32',
): LabBuffer {
  const pattern = fromF32(
    Float32Array.from({ length: PATTERN }, (_, i) => valueAt(i)),
    dtype,
  );
  const bytes = Math.ceil((count * pattern.byteLength) / PATTERN / 4) * 4;
  const buffer = scope.alloc(bytes, 'scratch', 'tuning operand');
  for (let at = 0; at < bytes; at += pattern.byteLength)
    ctx.device.queue.writeBuffer(buffer.raw, at, pattern, 0, Math.min(pattern.byteLength, bytes - at));
  return buffer;
}

/** A product. Hardware measures its tiles and the subgroup kernel, software what its order holds without barriers. */
export function matmulTrial(ctx: GpuContext, shape: MatmulShape): Trial {
  const { m, n, k, dtype } = shape;
  const { software } = ctx.record;
  const prior = chooseMatmul(ctx, shape);
  const known = matmulPrior(ctx, shape).filter(
    (v) => (software ? v !== 'tiled' : v !== 'dot8x8') && v !== 'scalar',
  );
  const more: MatmulVariant[] = software ? [] : ['tile32x32', 'subgroup'];
  const candidates = [...new Set([prior, ...known, ...more])].filter(
    (v) => matmulSupported(ctx, v, k, dtype) && !ctx.disabled.has(`matmul.${v}`),
  );
  return {
    op: 'matmul',
    key: matmulClass(shape),
    prior,
    candidates,
    prepare(place) {
      const rows = Math.min(n, Math.max(256, Math.floor(WEIGHT_BYTES / (k * DTYPE_BYTES[dtype]))));
      const x = { buffer: filled(place, m * k, whole), rows: m, cols: k };
      const buffer = filled(place, rows * k, whole, dtype);
      const weight = { name: 'tuning', rows, cols: k, dtype, shards: [{ buffer, rowBegin: 0, rows }] };
      const out: Act = {
        buffer: place.scope.alloc(m * rows * 4, 'scratch', 'tuning result'),
        rows: m,
        cols: rows,
      };
      return {
        run: (rec, variant) => matmul(rec, x, weight, out, { variant: variant as MatmulVariant }),
        read: (rec) => rec.readF32(out.buffer, m * rows),
        tolerance: 0,
      };
    },
  };
}

export interface AttentionTrialShape {
  sequences: number;
  length: number;
  heads: number;
  kvHeads: number;
  headDim: number;
}

export function attentionTrial(ctx: GpuContext, shape: AttentionTrialShape): Trial {
  const { sequences: batch, length, heads, kvHeads, headDim } = shape;
  const prior = chooseAttention(ctx, headDim, length);
  const others: AttentionVariant[] = ctx.record.software ? ['sg4', 'tile'] : ['flash', 'tile'];
  const candidates = [...new Set([prior, ...others])].filter(
    (v) => attentionSupported(ctx, v, headDim) && !ctx.disabled.has(`attention.${v}`),
  );
  return {
    op: 'attention',
    key: attentionClass(headDim, length),
    prior,
    candidates,
    prepare(place, workspace) {
      const rows = batch * length;
      const spread = (i: number): number => whole(i) / 2;
      const act = (cols: number, shift: number): Act => ({
        buffer: filled(place, rows * cols, (i) => spread(i + shift)),
        rows,
        cols,
      });
      const [q, k, v] = [act(heads * headDim, 0), act(kvHeads * headDim, 1), act(kvHeads * headDim, 2)];
      const out: Act = { ...q, buffer: place.scope.alloc(q.buffer.bytes, 'scratch', 'tuning result') };
      const scale = headDim ** -0.5;
      const options = {
        batch,
        queries: length,
        keys: length,
        heads,
        kvHeads,
        headDim,
        positionBegin: 0,
        scale,
      };
      return {
        run: (rec, tiles) =>
          attention(rec, q, k, v, out, { ...options, tiles: tiles as AttentionVariant }, workspace),
        read: (rec) => rec.readF32(out.buffer, rows * heads * headDim),
        // Both may err; scores are sums of headDim products of at most 1.5 each way.
        tolerance: 2 * OP_TOLERANCE.attentionOnline(headDim, length, headDim * 2.25 * scale, 1.5),
      };
    },
  };
}
