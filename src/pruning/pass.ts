/**
 * One walk through the layers: choose each layer's masks (from the pruned prefix, or from dense statistics), then send
 * every text that is being measured through the pruned layer. The sequential protocol of docs/methods.md: all of a
 * layer's statistics come from one forward of the still dense layer over inputs already changed by the layers before.
 */
import { DTYPE_BYTES, zeroElements } from '../core/dtypes';
import type { LayerErrors } from '../core/report';
import { compareStreams, type LoadOutputs } from '../eval/compareText';
import { cumulativeErrors, fullErrors } from '../eval/errorSums';
import { tokenLosses } from '../eval/perplexity';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { MatrixPart } from '../models/archs/define';
import type { Decoder, Workspace } from '../models/decoder';
import { InputStatistics, type WantedStatistics } from '../models/inputStatistics';
import type { KeptLogits } from '../models/keptLogits';
import { embedBatch, Stream, type DenseStream, type GpuText } from '../models/streams';
import type { Batch } from '../models/windows';
import { countZeros, sumCounts, zeroPartials } from '../ops/countZeros';
import { errorPartials, errorSums, sumPartials } from '../ops/errorSums';
import { relativeMargin } from '../ops/relativeMargin';
import type { Act, Weight } from '../ops/types';
import type { LayerInputs } from './chooser';
import { allocPrunedLayer, MaskedLayer, maskOf, type PrunedLayer } from './masks';
import type { MatrixRates } from './rates';
import { readWeight } from './readWeight';
import type { RankCache } from './rankCache';
import type { Selector } from './selector';

export interface PassOptions {
  rec: Recorder;
  scope: Scope;
  decoder: Decoder;
  ws: Workspace;
  selector: Selector;
  /** How much goes, by layer and matrix. */
  rates: readonly MatrixRates[];
  /** Whether the pruner changes kept weights. */
  updates: boolean;
  /**
   * 'none': the pruner needs nothing of its inputs. 'prefix': exact statistics of this text behind the pruned layers.
   * Otherwise those of the dense model.
   */
  statistics:
    | { kind: 'none' }
    | { kind: 'prefix'; text: GpuText; wanted: WantedStatistics }
    | { kind: 'dense'; of: (layer: number) => Promise<LayerInputs>; ranks?: RankCache };
  /** Reconstruction errors: of which text, and all six sums or the cumulative one only. */
  errors?: { dense: DenseStream; kind: 'full' | 'cumulative' };
  /** A text whose token losses under the pruned model are wanted; free where it is the text of the errors. */
  evaluate?: GpuText;
  /** The dense model on that text, for the divergence of the pruned model from it: last outputs, logits if kept. */
  compareWith?: { outputs: LoadOutputs; logits: KeptLogits | null };
  /** Keep the pruned layers here. */
  keep?: readonly PrunedLayer[];
  /** Count zeros and score margins. */
  count?: boolean;
  onLayer?: (layer: number, errors: LayerErrors | null) => void;
  /** Tokens through one block. */
  onBlock?: (tokens: number) => void;
  /** Tokens through the head. */
  onHead?: (tokens: number) => void;
}

/** Zeros of one part of a fused matrix. */
export interface PartZeros {
  tensor: string;
  part: string;
  zeros: number;
  count: number;
}

export interface PassResult {
  errors: LayerErrors[];
  /** [tokens] of the evaluated text. */
  losses: Float32Array | null;
  /** [tokens, 4] of the evaluated text as headCompare leaves them. */
  comparison: Float32Array | null;
  /** Zeros of each matrix by layer, where they were counted. */
  zeros: Record<string, number>[];
  /** The same for the parts of fused matrices. */
  parts: PartZeros[];
  /** Smallest relative gap between the last pruned and the first kept score; null when nothing was compared. */
  margin: number | null;
  /** Milliseconds: inputs and their statistics, choosing and solving, everything that measures. */
  stages: { statistics: number; choose: number; measure: number };
}

/** Blocks that a pass runs, in tokens: what progress is measured in. */
export function passBlockTokens(
  o: Pick<PassOptions, 'statistics' | 'errors' | 'evaluate'>,
  layers: number,
): number {
  const full = o.errors?.kind === 'full';
  const errorTokens = o.errors?.dense.text.windows.tokens ?? 0;
  const shared = o.statistics.kind === 'prefix' && o.statistics.text === o.errors?.dense.text;
  let tokens = errorTokens * (full ? 3 : 1);
  if (o.statistics.kind === 'prefix')
    tokens += shared && full ? 0 : o.statistics.text.windows.tokens * (shared ? 1 : 2);
  if (o.evaluate && o.evaluate !== o.errors?.dense.text) tokens += o.evaluate.windows.tokens;
  return tokens * layers;
}

export async function prunedPass(o: PassOptions): Promise<PassResult> {
  const { rec, decoder, ws } = o;
  const { config, model } = decoder;
  const scope = o.scope.child();
  try {
    const calibration = o.statistics.kind === 'prefix' ? o.statistics.text : null;
    const errorText = o.errors?.dense.text ?? null;
    const shared = calibration !== null && calibration === errorText;
    const walk = new Walk(o, scope);
    const prefix = calibration && (await walk.begin(calibration, 'calibration stream'));
    const damaged = shared ? prefix : errorText && (await walk.begin(errorText, 'pruned stream'));
    const measured = o.evaluate !== undefined && o.evaluate === errorText;
    const evaluated = measured
      ? damaged
      : o.evaluate
        ? await walk.begin(o.evaluate, 'evaluated stream')
        : null;
    const collect =
      o.statistics.kind === 'prefix'
        ? new InputStatistics(scope, config, o.statistics.text, o.statistics.wanted)
        : null;
    const tokensOf = errorText?.windows.tokens ?? 0;
    const undamaged =
      shared && o.errors?.kind === 'full'
        ? new Stream(scope, tokensOf, config.hidden, 'dense layer on the pruned stream')
        : null;
    const working = o.keep ? null : allocPrunedLayer(scope, model, 0, o.updates);
    const masked = new MaskedLayer(decoder.ctx, scope, model);
    await scope.ready();
    o.selector.collectMargins = o.count === true;

    const result: PassResult = {
      errors: [],
      losses: null,
      comparison: null,
      zeros: [],
      parts: [],
      margin: null,
      stages: { statistics: 0, choose: 0, measure: 0 },
    };
    for (let layer = 0; layer < config.layers; layer++) {
      const startMs = performance.now();
      let inputs: LayerInputs | null = null;
      if (calibration && collect && prefix) {
        for (const batch of calibration.batches) {
          prefix.load(rec, batch, ws.x);
          await walk.block(layer, batch, decoder.dense(layer), collect.hook(rec, calibration, batch));
          undamaged?.store(rec, batch, ws.y);
        }
        inputs = inputsFrom(calibration, await collect.read(rec));
      } else if (o.statistics.kind === 'dense') inputs = await o.statistics.of(layer);

      const rates = o.rates[layer];
      const pruned = o.keep?.[layer] ?? working;
      if (!rates || !pruned) throw new Error(`no rates for layer ${layer}`);
      const ranks = o.statistics.kind === 'dense' ? o.statistics.ranks : undefined;
      const chooseMs = performance.now();
      await o.selector.select(rec, layer, rates, inputs, pruned, ranks);
      const measureMs = performance.now();
      await masked.use(rec, layer, pruned);
      if (o.count) await walk.count(layer, masked, inputs, pruned, o.selector);

      let row: LayerErrors | null = null;
      if (o.errors && damaged) {
        row = await walk.errors(layer, masked, o.errors.dense, o.errors.kind, damaged, undamaged);
        if (row) result.errors.push(row);
      }
      if (prefix && calibration && !shared) await walk.advance(layer, calibration, masked, prefix);
      if (o.evaluate && evaluated && !measured) await walk.advance(layer, o.evaluate, masked, evaluated);
      o.onLayer?.(layer, row);
      result.stages.statistics += chooseMs - startMs;
      result.stages.choose += measureMs - chooseMs;
      result.stages.measure += performance.now() - measureMs;
    }
    if (o.evaluate && evaluated) {
      const load = (batch: Batch, to: Act): void => evaluated.load(rec, batch, to);
      if (o.compareWith) {
        const streams = {
          dense: o.compareWith.outputs,
          logits: o.compareWith.logits,
          pruned: (_rec: Recorder, _ws: Workspace, batch: Batch, to: Act) => load(batch, to),
        };
        const compared = await compareStreams(rec, scope, decoder, ws, o.evaluate, streams, o.onHead);
        result.losses = compared.losses;
        result.comparison = compared.figures;
      } else result.losses = await tokenLosses(rec, scope, decoder, ws, o.evaluate, load, o.onHead);
    }
    if (o.errors?.kind === 'cumulative') result.errors = await walk.cumulative();
    const counted = await walk.counts(o.selector);
    await rec.finish();
    return { ...result, ...counted, parts: walk.parts };
  } finally {
    scope.close();
  }
}

/** Statistics of a layer with what they were taken from. */
export function inputsFrom(text: GpuText, statistics: LayerInputs['statistics']): LayerInputs {
  return { statistics, sequences: text.windows.lengths.length, tokens: text.windows.tokens };
}

/** The steps of a pass over its streams. */
class Walk {
  readonly #o: PassOptions;
  readonly #scope: Scope;
  readonly #sums: { buffer: LabBuffer; bytes: number }[] = [];
  #extra: { a: Act; b: Act; c: Act } | undefined;
  /** Filled by `count`. */
  readonly parts: PartZeros[] = [];
  readonly #counted: {
    layer: number;
    name: string;
    rows: number;
    zeros: LabBuffer;
    zeroBytes: number;
    margin: LabBuffer | null;
  }[] = [];

  constructor(o: PassOptions, scope: Scope) {
    this.#o = o;
    this.#scope = scope;
  }

  /** A stream that holds the embeddings of `text`. */
  async begin(text: GpuText, label: string): Promise<Stream> {
    const { rec, decoder, ws } = this.#o;
    const stream = new Stream(this.#scope, text.windows.tokens, decoder.config.hidden, label);
    const ids = this.#scope.alloc(text.largest * 4, 'scratch', 'batch ids');
    await this.#scope.ready();
    for (const batch of text.batches) {
      await embedBatch(rec, decoder, text, batch, ids, ws.x);
      stream.store(rec, batch, ws.x);
    }
    return stream;
  }

  async block(
    layer: number,
    batch: Batch,
    matrix: ReturnType<MaskedLayer['view']>,
    onInput?: Parameters<Decoder['block']>[2]['onInput'],
  ): Promise<void> {
    const { rec, decoder, ws, onBlock } = this.#o;
    await decoder.block(rec, ws, {
      layer,
      sequences: batch.sequences,
      length: batch.length,
      matrix,
      onInput,
    });
    onBlock?.(batch.rows);
  }

  /** stream <- pruned layer (stream). */
  async advance(layer: number, text: GpuText, masked: MaskedLayer, stream: Stream): Promise<void> {
    const { rec, ws } = this.#o;
    for (const batch of text.batches) {
      stream.load(rec, batch, ws.x);
      await this.block(layer, batch, masked.view(rec));
      stream.store(rec, batch, ws.y);
    }
  }

  /**
   * Advances the pruned stream and measures this layer on it. a = B~(x~), b = B(x~), c = B(x), d = B~(x).
   * `undamaged` holds b already where calibration and error text are one. The cumulative error alone is read when the
   * pass ends (`cumulative`), so that a drag does not wait for the GPU at every layer; null until then.
   */
  async errors(
    layer: number,
    masked: MaskedLayer,
    dense: DenseStream,
    kind: 'full' | 'cumulative',
    pruned: Stream,
    undamaged: Stream | null,
  ): Promise<LayerErrors | null> {
    const { rec, decoder, ws } = this.#o;
    const { text } = dense;
    const { hidden } = decoder.config;
    const act = (): Act => ({
      buffer: this.#scope.alloc(text.largest * hidden * 4, 'activations', 'compared outputs'),
      rows: text.largest,
      cols: hidden,
    });
    this.#extra ??= kind === 'full' ? { a: act(), b: act(), c: act() } : { a: ws.y, b: ws.y, c: act() };
    const { a, b, c } = this.#extra;
    await dense.ensure(rec, ws, layer, this.#o.onBlock);
    const counts = text.batches.map((batch) => errorPartials(batch.rows * hidden));
    const partials = this.#scope.alloc(counts.reduce((x, y) => x + y, 0) * 24, 'scratch', 'error sums');
    await this.#scope.ready();
    let partialBegin = 0;
    for (const [i, batch] of text.batches.entries()) {
      const of = (x: Act): Act => ({ ...x, rows: batch.rows });
      const bytes = batch.rows * hidden * 4;
      if (kind === 'full') {
        if (undamaged) undamaged.load(rec, batch, b);
        else {
          pruned.load(rec, batch, ws.x);
          await this.block(layer, batch, decoder.dense(layer));
          rec.copy(ws.y.buffer, 0, b.buffer, 0, bytes);
        }
      }
      pruned.load(rec, batch, ws.x);
      await this.block(layer, batch, masked.view(rec));
      pruned.store(rec, batch, ws.y);
      dense.load(rec, layer, batch, c);
      if (kind === 'full') {
        rec.copy(ws.y.buffer, 0, a.buffer, 0, bytes);
        dense.load(rec, layer - 1, batch, ws.x);
        await this.block(layer, batch, masked.view(rec));
        await errorSums(rec, { a: of(a), b: of(b), c: of(c), d: of(ws.y) }, partials, partialBegin);
      } else await errorSums(rec, { a: of(ws.y), c: of(c) }, partials, partialBegin);
      partialBegin += counts[i] ?? 0;
    }
    if (kind === 'cumulative') {
      this.#sums.push({ buffer: partials, bytes: partialBegin * 24 });
      return null;
    }
    const sums = sumPartials(await rec.readF32(partials, partialBegin * 6));
    this.#scope.free(partials);
    return fullErrors(sums);
  }

  /** Cumulative errors of the layers measured so far, in one round trip. */
  async cumulative(): Promise<LayerErrors[]> {
    const read = await this.#o.rec.readMany(this.#sums);
    for (const { buffer } of this.#sums.splice(0)) this.#scope.free(buffer);
    return read.map((bytes) => cumulativeErrors(sumPartials(new Float32Array(bytes))));
  }

  /** Records the counting of zeros (in the bytes that an export would write) and of score margins; read at the end. */
  async count(
    layer: number,
    masked: MaskedLayer,
    inputs: LayerInputs | null,
    pruned: PrunedLayer,
    selector: Selector,
  ): Promise<void> {
    const { rec, decoder } = this.#o;
    for (const { name, parts } of decoder.config.matrices) {
      const weight = await masked.masked(rec, name);
      if (parts) await this.#countParts(weight, parts);
      const zeros = this.#scope.alloc(zeroPartials(weight) * 4, 'scratch', 'zero counts');
      await countZeros(rec, weight, null, zeros);
      let margin: LabBuffer | null = null;
      if (selector.marginsOnGpu) {
        const base = decoder.dense(layer)(name).weight;
        margin = this.#scope.alloc(weight.rows * 8, 'scratch', 'row margins');
        const { rowMargin } = await import('../ops/rowMargin');
        await rowMargin(rec, base, selector.normsOf(rec, name, inputs), maskOf(pruned.masks, name), margin);
      }
      this.#counted.push({
        layer,
        name,
        rows: weight.rows,
        zeros,
        zeroBytes: zeroPartials(weight) * 4,
        margin,
      });
    }
  }

  /** Fused matrices are few and small: their bytes come back and are counted here. */
  async #countParts(weight: Weight, parts: readonly MatrixPart[]): Promise<void> {
    const bytes = await readWeight(this.#o.rec, weight);
    const rowBytes = weight.cols * DTYPE_BYTES[weight.dtype];
    for (const part of parts) {
      let zeros = 0;
      for (let at = 0; at < part.rows; at += part.block) {
        const begin = (part.begin + (at / part.block) * part.stride) * rowBytes;
        zeros += zeroElements(bytes.subarray(begin, begin + part.block * rowBytes), weight.dtype);
      }
      this.parts.push({ tensor: weight.name, part: part.name, zeros, count: part.rows * weight.cols });
    }
  }

  async counts(selector: Selector): Promise<{ zeros: Record<string, number>[]; margin: number | null }> {
    const { rec } = this.#o;
    const zeros: Record<string, number>[] = [];
    let smallest = selector.margin;
    if (this.#counted.length === 0) return { zeros, margin: null };
    const read = await rec.readMany(this.#counted.map((c) => ({ buffer: c.zeros, bytes: c.zeroBytes })));
    for (const [i, c] of this.#counted.entries()) {
      const row = (zeros[c.layer] ??= {});
      row[c.name] = sumCounts(new Uint32Array(read[i] as ArrayBuffer));
    }
    const { unit } = selector;
    if (unit !== 'group' && selector.path === 'gpu') {
      const pairs = await rec.readMany(
        this.#counted.flatMap((c) => (c.margin ? [{ buffer: c.margin, bytes: c.rows * 8 }] : [])),
      );
      for (const pair of pairs) {
        const margin = relativeMargin(new Float32Array(pair), unit);
        if (margin !== null) smallest = Math.min(smallest ?? Infinity, margin);
      }
    }
    for (const c of this.#counted.splice(0)) {
      this.#scope.free(c.zeros);
      if (c.margin) this.#scope.free(c.margin);
    }
    return { zeros, margin: smallest };
  }
}
