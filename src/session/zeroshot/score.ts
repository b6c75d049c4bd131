/**
 * Log-likelihoods of continuations on the GPU. Inputs are run once each, in batches of equal length, layer by layer; only
 * the rows that predict a continuation go through the head.
 */
import type { Recorder } from '../../gpu/recorder';
import type { LabBuffer, Scope } from '../../gpu/scope';
import type { Workspace } from '../../models/decoder';
import { rotaryKey } from '../../models/rotary';
import { embedBatch, gpuText, type GpuText } from '../../models/streams';
import { packWindows } from '../../models/windows';
import { headLoss } from '../../ops/headLoss';
import { MaskedLayer, type PrunedLayer } from '../../pruning/masks';
import type { Engine, Meter } from '../engine';
import type { OptionTokens } from './tokens';

/** GPU memory of the residual streams that run through the layers together. */
const STREAM_BYTES = 48 << 20;
/** On a software adapter a layer of so many tokens takes seconds already. */
const MOST_TOKENS = 16_384;
/** Inputs are filled up to a multiple of this, so that more of them run together. */
const STEP = 16;

/** Inputs that several options share, and the options. */
interface Run {
  input: Uint32Array;
  /** Indices into the options. */
  options: number[];
}

/** Tokens of the inputs that `scoreOptions` sends through the model. */
export function tokensRun(options: readonly OptionTokens[]): number {
  return distinct(options).reduce((sum, { input }) => sum + input.length, 0);
}

/** Work of `scoreOptions` for the meter. */
export function scoreUnits(engine: Engine, options: readonly OptionTokens[]): number {
  const scored = options.reduce((sum, { targets }) => sum + targets.length, 0);
  const filled = distinct(options).reduce((sum, { input }) => sum + filledLength(engine, input.length), 0);
  return filled * engine.model.config.layers + scored * engine.headUnits;
}

/**
 * log p(targets | input) of every option in nats, summed in f64 over its tokens; NaN where the model gives no finite
 * number. `layers` null runs the dense model.
 */
export async function scoreOptions(
  rec: Recorder,
  engine: Engine,
  layers: readonly PrunedLayer[] | null,
  options: readonly OptionTokens[],
  meter: Meter,
): Promise<Float64Array> {
  const out = new Float64Array(options.length);
  const runs = distinct(options).sort((a, b) => a.input.length - b.input.length);
  const most = Math.min(MOST_TOKENS, Math.floor(STREAM_BYTES / (4 * engine.model.config.hidden)));
  for (let begin = 0; begin < runs.length;) {
    let end = begin;
    let tokens = 0;
    do tokens += filledLength(engine, runs[end++]?.input.length ?? 0);
    while (end < runs.length && tokens + filledLength(engine, runs[end]?.input.length ?? 0) <= most);
    const scope = engine.ctx.root.child();
    try {
      await new Chunk(rec, engine, scope, options, meter).score(runs.slice(begin, end), layers, out);
    } finally {
      scope.close();
    }
    begin = end;
  }
  return out;
}

function distinct(options: readonly OptionTokens[]): Run[] {
  const runs = new Map<string, Run>();
  options.forEach(({ input }, index) => {
    const key = input.join();
    const known = runs.get(key);
    if (known) known.options.push(index);
    else runs.set(key, { input, options: [index] });
  });
  return [...runs.values()];
}

/**
 * Length that an input is filled up to: attention looks back only, so what stands behind changes nothing, unless the
 * length itself changes the rotary frequencies.
 */
function filledLength({ model: { config } }: Engine, length: number): number {
  const filled = Math.ceil(length / STEP) * STEP;
  const same = config.ropes.every((rope) => rotaryKey(rope, filled) === rotaryKey(rope, length));
  return filled <= config.context && same ? filled : length;
}

/** Inputs that are on the GPU together. */
class Chunk {
  readonly #rec: Recorder;
  readonly #engine: Engine;
  readonly #scope: Scope;
  readonly #options: readonly OptionTokens[];
  readonly #meter: Meter;
  readonly #rowBytes: number;

  constructor(rec: Recorder, engine: Engine, scope: Scope, options: readonly OptionTokens[], meter: Meter) {
    this.#rec = rec;
    this.#engine = engine;
    this.#scope = scope;
    this.#options = options;
    this.#meter = meter;
    this.#rowBytes = engine.model.config.hidden * 4;
  }

  async score(runs: readonly Run[], layers: readonly PrunedLayer[] | null, out: Float64Array): Promise<void> {
    const engine = this.#engine;
    const scope = this.#scope;
    const windows = packWindows(
      runs.map(({ input }) => {
        const filled = new Uint32Array(filledLength(engine, input.length));
        filled.set(input);
        return filled;
      }),
    );
    const text = gpuText(this.#rec, scope, windows, engine.batchTokens);
    engine.decoder.ensurePositions(text.longest);
    const ws = engine.workspace(scope, [text]);
    const stream = scope.alloc(windows.tokens * this.#rowBytes, 'activations', 'zero-shot stream');
    const masked = layers ? new MaskedLayer(engine.ctx, scope, engine.model) : null;
    const ids = scope.alloc(text.largest * 4, 'scratch', 'batch ids');
    await scope.ready();
    await this.#forward(text, ws, stream, ids, layers, masked);
    await this.#head(runs, text, ws, stream, out);
  }

  /** Residual streams of the last block's outputs into `stream`. */
  async #forward(
    text: GpuText,
    ws: Workspace,
    stream: LabBuffer,
    ids: LabBuffer,
    layers: readonly PrunedLayer[] | null,
    masked: MaskedLayer | null,
  ): Promise<void> {
    const rec = this.#rec;
    const { decoder, model } = this.#engine;
    for (const batch of text.batches) {
      await embedBatch(rec, decoder, text, batch, ids, ws.x);
      rec.copy(ws.x.buffer, 0, stream, batch.rowBegin * this.#rowBytes, batch.rows * this.#rowBytes);
    }
    for (let layer = 0; layer < model.config.layers; layer++) {
      const pruned = layers?.[layer];
      if (masked && pruned) await masked.use(rec, layer, pruned);
      for (const batch of text.batches) {
        const [at, bytes] = [batch.rowBegin * this.#rowBytes, batch.rows * this.#rowBytes];
        rec.copy(stream, at, ws.x.buffer, 0, bytes);
        await decoder.block(rec, ws, {
          layer,
          sequences: batch.sequences,
          length: batch.length,
          matrix: masked && pruned ? masked.view(rec) : decoder.dense(layer),
        });
        rec.copy(ws.y.buffer, 0, stream, at, bytes);
        this.#meter.add(batch.rows);
      }
    }
  }

  /** The rows that predict a continuation, side by side, through the head. */
  async #head(
    runs: readonly Run[],
    text: GpuText,
    ws: Workspace,
    stream: LabBuffer,
    out: Float64Array,
  ): Promise<void> {
    const rec = this.#rec;
    const { decoder, headUnits } = this.#engine;
    const own = this.#scope.child();
    try {
      const targets = own.alloc(text.largest * 4, 'scratch', 'targets');
      const losses = own.alloc(text.largest * 4, 'scratch', 'losses');
      await own.ready();
      const wanted = new Uint32Array(text.largest);
      let waiting: { option: number; begin: number; rows: number }[] = [];
      let rows = 0;
      const flush = async (): Promise<void> => {
        if (rows === 0) return;
        rec.write(targets, 0, wanted.subarray(0, rows));
        const normed = { ...ws.normed, rows };
        await decoder.finalNorm(rec, { ...ws.x, rows }, normed);
        await headLoss(rec, normed, decoder.model.head, targets, losses, ws.scratch, decoder.logitOptions);
        const found = await rec.readF32(losses, rows);
        for (const { option, begin, rows: count } of waiting)
          out[option] = -found.subarray(begin, begin + count).reduce((sum, loss) => sum + loss, 0);
        this.#meter.add(rows * headUnits);
        waiting = [];
        rows = 0;
      };
      let rowBegin = 0;
      for (const [index, { input, options }] of runs.entries()) {
        for (const option of options) {
          const mine = this.#options[option]?.targets ?? new Uint32Array();
          if (rows + mine.length > text.largest) await flush();
          const first = rowBegin + input.length - mine.length;
          rec.copy(
            stream,
            first * this.#rowBytes,
            ws.x.buffer,
            rows * this.#rowBytes,
            mine.length * this.#rowBytes,
          );
          wanted.set(mine, rows);
          waiting.push({ option, begin: rows, rows: mine.length });
          rows += mine.length;
        }
        rowBegin += text.windows.lengths[index] ?? 0;
      }
      await flush();
    } finally {
      own.close();
    }
  }
}
