/**
 * Gradients of the dense model's loss with respect to every prunable matrix, over a calibration text. The way there is
 * the dense stream, which keeps the output of every block; the way back runs layer by layer, the gradient of each
 * sequence's stream beside it, so that one layer's sums at a time are on the GPU (docs/methods.md).
 */
import { LabError } from '../core/errors';
import { targetsOf, windowLosses } from '../eval/perplexity';
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { BlockBackward } from '../models/backward';
import type { Workspace } from '../models/decoder';
import { Stream, type DenseStream } from '../models/streams';
import { headLossBackward } from '../ops/headLossBackward';
import { normBackward } from '../ops/normBackward';
import type { Act } from '../ops/types';
import { weightGradient } from '../ops/weightGradient';
import type { Engine, Meter } from './engine';
import type { ResolvedText } from './texts';

/**
 * 'squared': square root of the sum over sequences of the squared gradient of each sequence's mean loss (Pruner-Zero).
 * 'sum': gradient of the mean over all sequences of their mean losses, with its sign (LLM-Pruner).
 */
export type GradientKind = 'squared' | 'sum';

export interface Gradients {
  /** Gradient of a prunable tensor, f32 [outputs, inputs], row-major. Shared: read only. */
  of(tensor: string): Promise<Float32Array<ArrayBuffer>>;
  /** Mean loss of each sequence under the dense model. */
  losses: readonly number[];
}

/**
 * Four bytes for each prunable weight wait in host memory; above this they do not fit a browser's tab. The bound of one
 * set of gradients and of all that are kept.
 */
const HOST_BYTES = 3 * 2 ** 30;

/** The way back through a block costs about three ways there. */
const BACK = 3;

/** Gradients that wait for the next run on the same text: sweeps come back to every draw of it. */
export interface KeptGradients extends Gradients {
  sha256: string;
  kind: GradientKind;
  /** In host memory. */
  bytes: number;
}

/** Units of work (tokens through one block) of `gradients`, 0 where they are kept. */
export function gradientUnits(engine: Engine, text: ResolvedText, kind: GradientKind): number {
  if (keptOf(engine, text, kind)) return 0;
  return text.windows.tokens * ((1 + BACK) * engine.model.config.layers + BACK * engine.headUnits);
}

function keptOf(engine: Engine, text: ResolvedText, kind: GradientKind): KeptGradients | undefined {
  return engine.gradients.find((g) => g.sha256 === text.record.sha256 && g.kind === kind);
}

/**
 * Gradients of the loaded dense model on `text`, computed on first use and kept until others need the room. `meter` hears
 * of the work of `gradientUnits`. TextError for a sequence of one token or a loss that is not finite, OutOfMemoryError for
 * models whose gradients do not fit host memory. `hostBytes` is set by tests, which must not change a result.
 */
export async function gradients(
  engine: Engine,
  rec: Recorder,
  text: ResolvedText,
  kind: GradientKind,
  meter: Meter,
  hostBytes = HOST_BYTES,
): Promise<Gradients> {
  const kept = keptOf(engine, text, kind);
  if (kept) {
    engine.gradients = [...engine.gradients.filter((g) => g !== kept), kept];
    return kept;
  }
  const bytes = 4 * engine.model.plan.prunable.reduce((sum, m) => sum + m.count, 0);
  if (bytes > hostBytes) {
    throw new LabError(
      'OutOfMemoryError',
      `The gradients of this model take ${(bytes / 2 ** 30).toFixed(1)} GiB; ${hostBytes / 2 ** 30} GiB is the limit.`,
      'Use a smaller model, or a pruner without gradients.',
    );
  }
  while (engine.gradientBytes + bytes > hostBytes) engine.gradients = engine.gradients.slice(1);
  meter.total(gradientUnits(engine, text, kind));
  const entry = engine.dense(rec, text);
  entry.users += 1;
  const scope = engine.ctx.root.child();
  try {
    const made = await new Backward(engine, rec, scope, entry.stream, kind, meter).run();
    const fresh: KeptGradients = { ...made, sha256: text.record.sha256, kind, bytes };
    engine.gradients = [...engine.gradients, fresh];
    return fresh;
  } finally {
    entry.users -= 1;
    scope.close();
  }
}

class Backward {
  readonly #engine: Engine;
  readonly #rec: Recorder;
  readonly #scope: Scope;
  readonly #dense: DenseStream;
  readonly #kind: GradientKind;
  readonly #meter: Meter;

  constructor(
    engine: Engine,
    rec: Recorder,
    scope: Scope,
    dense: DenseStream,
    kind: GradientKind,
    meter: Meter,
  ) {
    this.#engine = engine;
    this.#rec = rec;
    this.#scope = scope;
    this.#dense = dense;
    this.#kind = kind;
    this.#meter = meter;
  }

  async run(): Promise<Gradients> {
    const { decoder } = this.#engine;
    const { config, model } = decoder;
    const { text } = this.#dense;
    const rec = this.#rec;
    const ws = this.#engine.workspace(this.#scope, [text]);
    const blocks = new BlockBackward(decoder, this.#scope, text.largest);
    const gradient: Act = {
      buffer: this.#scope.alloc(text.largest * config.hidden * 4, 'activations', 'gradient'),
      rows: text.largest,
      cols: config.hidden,
    };
    const stream = new Stream(this.#scope, text.windows.tokens, config.hidden, 'gradient stream');
    await this.#scope.ready();
    await this.#dense.ensure(rec, ws, config.layers - 1, (tokens) => this.#meter.add(tokens));
    const losses = await this.#head(ws, gradient, stream);

    const found = new Map<string, Float32Array<ArrayBuffer>>();
    for (let layer = config.layers - 1; layer >= 0; layer--) {
      const own = this.#scope.child();
      try {
        const totals = new Map<string, Act>();
        for (const m of config.matrices) {
          const buffer = own.alloc(m.rows * m.cols * 4, 'scratch', `gradient ${m.name}`);
          totals.set(m.name, { buffer, rows: m.rows, cols: m.cols });
        }
        await own.ready();
        await blocks.use(rec, layer);
        for (const batch of text.batches) {
          this.#dense.load(rec, layer - 1, batch, ws.x);
          stream.load(rec, batch, gradient);
          await blocks.run(rec, ws, {
            sequences: batch.sequences,
            length: batch.length,
            gradient,
            onMatrix: async (name, dy, x) => {
              const total = totals.get(name);
              if (!total) throw new Error(`there is no matrix ${name}`);
              await weightGradient(rec, dy, x, total, ws.scratch, {
                kind: this.#kind === 'sum' ? 'sum' : 'squares',
                length: batch.length,
              });
            },
          });
          stream.store(rec, batch, gradient);
          this.#meter.add(BACK * batch.rows);
        }
        for (const [name, total] of totals) {
          const values = new Float32Array(await rec.read(total.buffer, 0, total.rows * total.cols * 4));
          if (this.#kind === 'squared')
            for (let i = 0; i < values.length; i++) values[i] = Math.sqrt(values[i] ?? 0);
          found.set(model.layers[layer]?.matrices[name]?.name ?? '', values);
        }
      } finally {
        own.close();
      }
    }
    return {
      losses,
      of: (tensor) => {
        const values = found.get(tensor);
        return values
          ? Promise.resolve(values)
          : Promise.reject(new LabError('InternalError', `There is no gradient of ${tensor}.`));
      },
    };
  }

  /** Gradients of the last block's outputs into `stream`; the mean loss of each sequence. */
  async #head(ws: Workspace, gradient: Act, stream: Stream): Promise<number[]> {
    const rec = this.#rec;
    const { decoder, headUnits } = this.#engine;
    const { config, model } = decoder;
    const { text } = this.#dense;
    const { lengths, ids } = text.windows;
    if (lengths.some((n) => n < 2))
      throw new LabError('TextError', 'A sequence of one token has no loss.', 'Use longer windows.');
    const targets = this.#scope.alloc(text.largest * 4, 'scratch', 'targets');
    const losses = this.#scope.alloc(text.largest * 4, 'scratch', 'losses');
    await this.#scope.ready();
    const all = targetsOf(ids, lengths);
    const tokens = new Float32Array(text.windows.tokens);
    const share = this.#kind === 'sum' ? 1 / lengths.length : 1;
    for (const batch of text.batches) {
      const { rows, rowBegin } = batch;
      const of = (act: Act): Act => ({ ...act, rows });
      rec.write(targets, 0, all.subarray(rowBegin, rowBegin + rows));
      this.#dense.load(rec, config.layers - 1, batch, ws.x);
      await decoder.finalNorm(rec, of(ws.x), of(ws.normed));
      await headLossBackward(rec, of(ws.normed), model.head, targets, losses, of(ws.y), ws.scratch, {
        ...decoder.logitOptions,
        factor: share / (batch.length - 1),
      });
      await normBackward(rec, of(ws.x), model.finalNorm.weight, of(ws.y), of(gradient), config.norm);
      stream.store(rec, batch, gradient);
      tokens.set(await rec.readF32(losses, rows), rowBegin);
      this.#meter.add(BACK * headUnits * rows);
    }
    const means = windowLosses(tokens, lengths);
    const bad = means.findIndex((loss) => !Number.isFinite(loss));
    if (bad >= 0) {
      throw new LabError(
        'TextError',
        `The model's loss on window ${bad + 1} of the calibration text is not a finite number, so it has no gradient.`,
        'Use another calibration text or model.',
      );
    }
    return means;
  }
}
