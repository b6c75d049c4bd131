/** Whole passes that several suites time and compare with. */
import { matrixOf } from '../models/load';
import { embedBatch, gpuText, Stream } from '../models/streams';
import type { WorkCount } from '../core/report';
import type { Recorder, RecorderProbe } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { matmul } from '../ops/matmul';
import { INEXACT_MATMUL, matmulsToTime, type MatmulVariant } from '../ops/matmulVariants';
import { normals, uploadAct } from '../ops/trial';
import type { Act, Weight } from '../ops/types';
import type { Engine } from '../session/engine';
import type { ResolvedText } from '../session/texts';
import { interleave } from './measure';
import { NO_METER, onDevice, renamed, turns, type BenchEnv } from './env';
import { percentile } from './row';

let passes = 0;

/** Embedding, all blocks, head and cross-entropy of a text through the dense model. Returns what it recorded. */
export function forwardPass(
  env: BenchEnv,
  engine: Engine,
  text: ResolvedText,
  probe?: RecorderProbe,
): Promise<WorkCount> {
  // The engine remembers losses by the text's hash; here every pass must be made.
  passes += 1;
  return onDevice(env, (rec) => engine.denseLosses(rec, renamed(text, `bench ${passes}`), NO_METER), probe);
}

/** Embedding and all blocks, no head. Returns what it recorded. */
export function blocksPass(env: BenchEnv, engine: Engine, text: ResolvedText): Promise<WorkCount> {
  const { ctx, decoder, model } = engine;
  return onDevice(env, async (rec) => {
    const scope = ctx.root.child();
    try {
      const onGpu = gpuText(rec, scope, text.windows, engine.batchTokens);
      decoder.ensurePositions(onGpu.longest);
      const ws = engine.workspace(scope, [onGpu]);
      const stream = new Stream(scope, text.windows.tokens, model.config.hidden, 'bench stream');
      const ids = scope.alloc(onGpu.largest * 4, 'scratch', 'batch ids');
      await scope.ready();
      for (const batch of onGpu.batches) {
        await embedBatch(rec, decoder, onGpu, batch, ids, ws.x);
        for (let layer = 0; layer < model.config.layers; layer++) {
          await decoder.block(rec, ws, {
            layer,
            sequences: batch.sequences,
            length: batch.length,
            matrix: decoder.dense(layer),
          });
          rec.copy(ws.y.buffer, 0, ws.x.buffer, 0, batch.rows * model.config.hidden * 4);
        }
        stream.store(rec, batch, ws.x);
      }
      await rec.finish();
    } finally {
      scope.close();
    }
  });
}

interface Product {
  name: string;
  x: Act;
  out: Act;
  /** All weights of this shape. */
  weights: Weight[];
  weightRows: number;
  variant: MatmulVariant;
}

/** Rows of the head in one product: as many as its logits of this many tokens take 16 MiB. */
const headRows = (tokens: number, vocabulary: number): number =>
  Math.min(vocabulary, Math.floor((4 << 20) / tokens / 64) * 64);

/** Variants this much slower than the best on a shape are out after one look. */
const HOPELESS = 3;

/**
 * All matrix products of a forward pass of `tokens` tokens, each with the kernel that was fastest for its shape, and
 * nothing else. `run` makes them once and returns what they recorded.
 */
export async function bestProducts(
  env: BenchEnv,
  engine: Engine,
  tokens: number,
  scope: Scope,
): Promise<{ run: () => Promise<WorkCount>; kernels: string }> {
  const { ctx, model } = engine;
  const place = { ctx, scope };
  const inputs = new Map<number, Act>();
  const outputs = new Map<number, Act>();
  const input = (cols: number): Act => inputs.get(cols) ?? uploadAct(place, normals(tokens * cols, 1), cols);
  const output = (cols: number): Act =>
    outputs.get(cols) ?? {
      buffer: scope.alloc(tokens * cols * 4, 'activations', 'bench products'),
      rows: tokens,
      cols,
    };
  const product = (name: string, weights: Weight[], weightRows: number): Product => {
    const cols = weights[0]?.cols ?? 0;
    const x = input(cols);
    const out = output(weightRows);
    inputs.set(cols, x);
    outputs.set(weightRows, out);
    return { name, x, out, weights, weightRows, variant: 'scalar' };
  };
  const products = model.config.matrices.map(({ name, rows }) =>
    product(
      name,
      model.layers.map((_, layer) => matrixOf(model, layer, name)),
      rows,
    ),
  );
  const pieceRows = headRows(tokens, model.head.rows);
  products.push(product('head', [model.head], pieceRows));

  const once = async (rec: Recorder, p: Product, weight: Weight, variant: MatmulVariant): Promise<void> => {
    for (let weightBegin = 0; weightBegin < weight.rows; weightBegin += p.weightRows) {
      const weightRows = Math.min(p.weightRows, weight.rows - weightBegin);
      await matmul(rec, p.x, weight, { ...p.out, cols: weightRows }, { weightBegin, weightRows, variant });
    }
  };
  const known = new Map<string, MatmulVariant>();
  for (const p of products) {
    const [weight] = p.weights;
    if (!weight) continue;
    const shape = `${p.weightRows} ${weight.cols} ${weight.dtype}`;
    let best = known.get(shape);
    if (!best) {
      const able = matmulsToTime(ctx, weight.cols, weight.dtype).filter(
        (v) => v !== 'scalar' && v !== INEXACT_MATMUL,
      );
      // One piece of the head tells as much as the whole.
      const probe = p.name === 'head' ? firstRows(weight, Math.min(2048, weight.rows)) : weight;
      const timings = await interleave(
        able.map((variant) => ({
          name: variant,
          run: async () => {
            await onDevice(env, (rec) =>
              once(rec, { ...p, weightRows: Math.min(p.weightRows, probe.rows) }, probe, variant),
            );
          },
        })),
        { reps: 3, giveUpFactor: HOPELESS, sampleMs: 20, ...turns(env) },
      );
      const sorted = timings.sort((a, b) => percentile(a.samplesMs, 0.5) - percentile(b.samplesMs, 0.5));
      best = (sorted[0]?.name ?? 'scalar') as MatmulVariant;
      known.set(shape, best);
    }
    p.variant = best;
  }
  return {
    kernels: products.map((p) => `${p.name} ${p.variant}`).join(', '),
    run: () =>
      onDevice(env, async (rec) => {
        for (const p of products) for (const weight of p.weights) await once(rec, p, weight, p.variant);
      }),
  };
}

/** The first rows of a weight, as a weight. */
function firstRows(weight: Weight, rows: number): Weight {
  const shards = weight.shards
    .filter((s) => s.rowBegin < rows)
    .map((s) => ({ ...s, rows: Math.min(s.rows, rows - s.rowBegin) }));
  return { ...weight, rows, shards };
}
