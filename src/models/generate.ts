/** Cached decoding: a prompt in one pass, then one token at a time, greedy or with temperature. */
import { LabError } from '../core/errors';
import type { Rng } from '../core/rng';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { logits } from '../ops/headLoss';
import type { Act } from '../ops/types';
import { allocWorkspace, type Decoder, type KvCache, type MatrixView, type Workspace } from './decoder';

/** Matrices of one layer as decoding sees them: masks are applied while loading. */
export type LayerView = (layer: number) => (name: string) => MatrixView;
/** Matrices for the prompt's pass, where several tokens share one masked copy. */
export type PrefillView = (layer: number) => Promise<(name: string) => MatrixView | Promise<MatrixView>>;

/** One sequence with its cache. Logits are f32 [vocabulary] of the last token. */
export class DecodingSession {
  readonly #rec: Recorder;
  readonly #decoder: Decoder;
  readonly #scope: Scope;
  readonly #ws: Workspace;
  readonly #last: Act;
  readonly #logits: Act;
  readonly #ids: LabBuffer;
  readonly #caches: KvCache[];
  readonly #capacity: number;
  #position = 0;

  constructor(rec: Recorder, scope: Scope, decoder: Decoder, promptTokens: number, capacity: number) {
    const c = decoder.config;
    this.#rec = rec;
    this.#decoder = decoder;
    this.#scope = scope;
    this.#capacity = capacity;
    this.#ws = allocWorkspace(scope, c, promptTokens);
    this.#last = { buffer: scope.alloc(c.hidden * 4, 'activations', 'last token'), rows: 1, cols: c.hidden };
    this.#logits = {
      buffer: scope.alloc(c.vocabulary * 4, 'activations', 'logits'),
      rows: 1,
      cols: c.vocabulary,
    };
    this.#ids = scope.alloc(promptTokens * 4, 'scratch', 'ids');
    const width = c.kvHeads * c.headDim;
    const act = (label: string): Act => ({
      buffer: scope.alloc(capacity * width * 4, 'activations', label),
      rows: capacity,
      cols: width,
    });
    this.#caches = Array.from({ length: c.layers }, () => ({ k: act('key cache'), v: act('value cache') }));
  }

  get position(): number {
    return this.#position;
  }

  async ready(): Promise<void> {
    await this.#scope.ready();
  }

  /** Begins another sequence. */
  rewind(): void {
    this.#position = 0;
  }

  /** Feeds ids and returns the logits after the last one. */
  async feed(ids: Uint32Array, view: LayerView | PrefillView): Promise<Float32Array> {
    const rec = this.#rec;
    const { config, model } = this.#decoder;
    if (this.#position + ids.length > this.#capacity)
      throw new LabError('TextError', `The cache holds ${this.#capacity} tokens.`);
    rec.write(this.#ids, 0, ids);
    await this.#decoder.embed(rec, this.#ids, ids.length, this.#ws.x, ids.length, this.#position);
    const bytes = ids.length * config.hidden * 4;
    for (let layer = 0; layer < config.layers; layer++) {
      const kv = this.#caches[layer] as KvCache;
      const matrix = await view(layer);
      await this.#decoder.block(rec, this.#ws, {
        layer,
        sequences: 1,
        length: ids.length,
        matrix,
        cache: { kv, position: this.#position },
      });
      rec.copy(this.#ws.y.buffer, 0, this.#ws.x.buffer, 0, bytes);
    }
    this.#position += ids.length;
    rec.copy(this.#ws.y.buffer, bytes - config.hidden * 4, this.#last.buffer, 0, config.hidden * 4);
    const normed: Act = { ...this.#ws.normed, rows: 1 };
    await this.#decoder.finalNorm(rec, this.#last, normed);
    await logits(rec, normed, model.head, this.#logits, this.#decoder.logitOptions);
    return rec.readF32(this.#logits.buffer, config.vocabulary);
  }
}

/** Greedy where temperature is 0 (lowest id among equals), else a draw from softmax(logits / temperature). */
export function pickToken(logits: Float32Array, temperature: number, rng: Rng): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++)
    if ((logits[i] as number) > (logits[best] as number) || Number.isNaN(logits[best])) best = i;
  if (temperature <= 0) return best;
  const top = logits[best] as number;
  let total = 0;
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    const weight = Math.exp(((logits[i] as number) - top) / temperature);
    weights[i] = Number.isFinite(weight) ? weight : 0;
    total += weights[i] as number;
  }
  let rest = rng.float() * total;
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i] as number;
    if (rest < 0) return i;
  }
  return best;
}
