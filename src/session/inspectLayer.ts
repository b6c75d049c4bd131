/**
 * One layer of a pruned model, matrix by matrix: what went, how much it hurts there, what the mask looks like. The
 * inputs are the calibration text's, as the dense layer hands them to its matrices behind the pruned layers before it:
 * those that the pruner's statistics are of. One matrix at a time is in host memory.
 */
import { LabError } from '../core/errors';
import type { LayerRecord, MatrixRecord } from '../core/layerRecord';
import type { LabSpec } from '../core/spec';
import { ENGINE_VERSION } from '../core/version';
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { InputStatistics, type LayerNorms } from '../models/inputStatistics';
import { matrixOf } from '../models/load';
import { embedBatch, Stream, type GpuText } from '../models/streams';
import type { Workspace } from '../models/decoder';
import { errorPartials, errorSums, sumPartials } from '../ops/errorSums';
import { matmul } from '../ops/matmul';
import type { Act } from '../ops/types';
import { MaskedLayer, maskOf, type PrunedLayer } from '../pruning/masks';
import { scoreFacts, zeroFacts } from '../pruning/matrixFacts';
import { realPace } from '../pruning/pace';
import { fractionOf } from '../pruning/rates';
import { readWeight } from '../pruning/readWeight';
import type { Engine, MaskState, Meter } from './engine';
import type { JobIo, Lab } from './lab';
import type { RunPlan } from './plan';
import type { ResolvedText } from './texts';

/** Outputs of a matrix that are compared at a time. */
const COMPARED_BYTES = 8 << 20;

/** Sums of squares over the outputs of one matrix: of the difference, and of the dense outputs. */
interface OutputSums {
  difference: number;
  dense: number;
}

/** `layer` counts from 0. The masks are those of the last run where they fit, else they are chosen now. */
export async function inspectLayer(
  lab: Lab,
  spec: LabSpec,
  beta: number,
  layer: number,
  io: JobIo,
): Promise<LayerRecord> {
  const { engine, record } = lab.loaded;
  const { layers } = engine.model.config;
  if (!Number.isSafeInteger(layer) || layer < 0 || layer >= layers)
    throw new LabError('SpecError', `There is no layer ${layer}.`, `Layers are 0 to ${layers - 1}.`);
  const plan = lab.plan({ ...spec, beta });
  const text = (await lab.texts(spec, ['calibration'], io)).calibration as ResolvedText;
  return lab.withRecorder(io, `Layer ${layer + 1}`, async (rec, meter) => {
    const state = await lab.masks(spec, beta, rec, meter);
    const prefix = spec.stats === 'dense' && plan.statistics.length > 0 ? 'dense' : 'pruned';
    const scope = lab.ctx.root.child();
    try {
      const look = new LayerLook({ engine, rec, scope, state, layer, plan, meter });
      await look.run(text, prefix);
      return {
        schema: 'prunelab.layer/1',
        version: ENGINE_VERSION,
        spec,
        beta,
        model: { name: record.name, layers, sha256: record.sha256 },
        layer,
        inputs: { prefix, text: text.record },
        matrices: await look.records(),
      };
    } finally {
      scope.close();
    }
  });
}

interface LookOptions {
  engine: Engine;
  rec: Recorder;
  scope: Scope;
  state: MaskState;
  layer: number;
  plan: RunPlan;
  meter: Meter;
}

class LayerLook {
  readonly #o: LookOptions;
  readonly #masked: MaskedLayer;
  readonly #sums = new Map<string, OutputSums>();
  readonly #pace;
  #norms: LayerNorms | null = null;

  constructor(o: LookOptions) {
    this.#o = o;
    this.#masked = new MaskedLayer(o.engine.ctx, o.scope, o.engine.model);
    this.#pace = realPace(o.rec);
  }

  #pruned(layer: number): PrunedLayer {
    const pruned = this.#o.state.layers[layer];
    if (!pruned) throw new Error(`layer ${layer} was not pruned`);
    return pruned;
  }

  /** Sends the text to the layer and measures its matrices there. */
  async run(text: ResolvedText, prefix: 'pruned' | 'dense'): Promise<void> {
    const { engine, rec, scope, layer, meter } = this.#o;
    const { windows } = text;
    if (prefix === 'dense') {
      const entry = engine.dense(rec, text);
      entry.users += 1;
      try {
        const { stream } = entry;
        const ws = engine.workspace(scope, [stream.text]);
        await scope.ready();
        meter.total(windows.tokens * (layer - Math.max(-1, stream.filled)));
        await stream.ensure(rec, ws, layer - 1, (tokens) => meter.add(tokens));
        await this.#measure(stream.text, ws, (batch, to) => stream.load(rec, layer - 1, batch, to));
      } finally {
        entry.users -= 1;
      }
      return;
    }
    const onGpu = engine.text(rec, scope, text);
    const ws = engine.workspace(scope, [onGpu]);
    const stream = new Stream(scope, windows.tokens, engine.model.config.hidden, 'layer input');
    const ids = scope.alloc(onGpu.largest * 4, 'scratch', 'batch ids');
    await scope.ready();
    meter.total(windows.tokens * (layer + 1));
    for (const batch of onGpu.batches) {
      await embedBatch(rec, engine.decoder, onGpu, batch, ids, ws.x);
      stream.store(rec, batch, ws.x);
    }
    for (let before = 0; before < layer; before++) {
      await this.#masked.use(rec, before, this.#pruned(before));
      for (const batch of onGpu.batches) {
        stream.load(rec, batch, ws.x);
        const { sequences, length } = batch;
        await engine.decoder.block(rec, ws, { layer: before, sequences, length, matrix: this.#masked.view(rec) }); // prettier-ignore
        stream.store(rec, batch, ws.y);
        meter.add(batch.rows);
      }
    }
    await this.#measure(onGpu, ws, (batch, to) => stream.load(rec, batch, to));
  }

  /** Runs the dense layer once; each matrix is applied to its input as it was and as it is. */
  async #measure(
    text: GpuText,
    ws: Workspace,
    load: (batch: GpuText['batches'][number], to: Act) => void,
  ): Promise<void> {
    const { engine, rec, scope, layer, meter } = this.#o;
    const { decoder, model } = engine;
    const { matrices } = model.config;
    await this.#masked.use(rec, layer, this.#pruned(layer));
    const widest = Math.max(...matrices.map((m) => m.rows));
    const rowsAtOnce = Math.max(1, Math.min(text.largest, Math.floor(COMPARED_BYTES / (widest * 4))));
    const buffer = (label: string): Act['buffer'] =>
      scope.alloc(rowsAtOnce * widest * 4, 'activations', label);
    const [dense, pruned] = [buffer('dense outputs'), buffer('pruned outputs')];
    const partials = scope.alloc(errorPartials(rowsAtOnce * widest) * 24, 'scratch', 'error sums');
    const statistics = new InputStatistics(scope, model.config, text);
    await scope.ready();
    const compare = async (name: string, x: Act): Promise<void> => {
      const weight = matrixOf(model, layer, name);
      const kept = await this.#masked.masked(rec, name);
      const sums = this.#sums.get(name) ?? { difference: 0, dense: 0 };
      this.#sums.set(name, sums);
      for (let rowBegin = 0; rowBegin < x.rows; rowBegin += rowsAtOnce) {
        const rows = Math.min(rowsAtOnce, x.rows - rowBegin);
        const c: Act = { buffer: dense, rows, cols: weight.rows };
        const a: Act = { buffer: pruned, rows, cols: weight.rows };
        await matmul(rec, x, weight, c, { rowBegin, rows });
        await matmul(rec, x, kept, a, { rowBegin, rows });
        await errorSums(rec, { a, c }, partials);
        const read = sumPartials(await rec.readF32(partials, errorPartials(rows * weight.rows) * 6));
        sums.difference += read.cumulative;
        sums.dense += read.dense;
      }
    };
    for (const batch of text.batches) {
      load(batch, ws.x);
      const collect = statistics.hook(rec, text, batch);
      await decoder.block(rec, ws, {
        layer,
        sequences: batch.sequences,
        length: batch.length,
        matrix: decoder.dense(layer),
        onInput: async (input, x) => {
          await collect(input, x);
          for (const m of matrices) if (m.input === input) await compare(m.name, x);
        },
      });
      meter.add(batch.rows);
    }
    this.#norms = await statistics.norms(rec);
  }

  async records(): Promise<MatrixRecord[]> {
    const { engine, layer } = this.#o;
    const out: MatrixRecord[] = [];
    for (const m of engine.model.plan.prunable) if (m.layer === layer) out.push(await this.#record(m));
    return out;
  }

  async #record({ matrix, name: tensor }: { matrix: string; name: string }): Promise<MatrixRecord> {
    const { engine, rec, state, layer, plan } = this.#o;
    const { model } = engine;
    const weight = matrixOf(model, layer, matrix);
    const { rows, cols, dtype } = weight;
    const bytesOf = async (w: typeof weight) => ({ bytes: await readWeight(rec, w), dtype, rows, cols });
    const before = await bytesOf(weight);
    const zeros = await zeroFacts(before, await bytesOf(await this.#masked.masked(rec, matrix)), this.#pace);
    const mask = maskOf(this.#pruned(layer).masks, matrix);
    const words = new Uint32Array(await rec.read(mask.buffer, 0, rows * mask.wordsPerRow * 4));
    const sums = this.#sums.get(matrix);
    const rate = state.rates[layer]?.[matrix];
    const error = sums ? sums.difference / sums.dense : NaN;
    return {
      name: matrix,
      tensor,
      rows,
      cols,
      count: rows * cols,
      ...zeros,
      requested: rate === undefined ? null : fractionOf(rate),
      error: Number.isFinite(error) ? error : null,
      scores: await scoreFacts(before, words, this.#normOf(matrix), unitOf(plan), this.#pace),
    };
  }

  /** The norms that the pruner's score has in it; null where it goes by |W| or by something else. */
  #normOf(matrix: string): LayerNorms[string] | null {
    const { engine, plan } = this.#o;
    if (plan.pruner.choose(plan.params) !== null || !plan.statistics.includes('norm')) return null;
    const input = engine.model.config.matrices.find((m) => m.name === matrix)?.input ?? '';
    return this.#norms?.[input] ?? null;
  }
}

/** What shares one threshold of the scores that are shown. */
function unitOf({ pruner, params, pattern }: RunPlan): 'row' | 'matrix' | null {
  if (pattern !== 'free' || pruner.choose(params) !== null) return null;
  return pruner.scope(params);
}
