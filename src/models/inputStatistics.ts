/**
 * Input statistics of one layer's matrices. a_c = (1 / sequences) * sum over all tokens of x_c^2, collected in partial
 * sums on the GPU, added in f64 here; the norm is sqrt in f64, rounded once to f32 (docs/methods.md).
 */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { inputsOf, type DecoderConfig, type InputSpec } from './archs/define';
import type { GpuText } from './streams';
import type { Batch } from './windows';
import { columnEnergy } from '../ops/columnEnergy';
import type { Act } from '../ops/types';

/** Norms of the input channels of one layer, f32, one vector per shared input. */
export type LayerNorms = Record<string, Float32Array<ArrayBuffer>>;

/** Rows added in f32 before f64 takes over. */
const ROWS_PER_CHUNK = 64;

const chunksOf = (batch: Batch): number => Math.ceil(batch.rows / ROWS_PER_CHUNK);

/** Collects one layer at a time; reusable for the next layer after `norms`. */
export class InputStatistics {
  readonly #inputs: InputSpec[];
  readonly #sequences: number;
  readonly #chunks: number;
  readonly #partials = new Map<string, LabBuffer>();

  constructor(scope: Scope, config: DecoderConfig, text: GpuText) {
    this.#inputs = inputsOf(config);
    this.#sequences = text.windows.lengths.length;
    this.#chunks = text.batches.reduce((sum, b) => sum + chunksOf(b), 0);
    for (const { name, width } of this.#inputs)
      this.#partials.set(name, scope.alloc(this.#chunks * width * 4, 'scratch', `energy ${name}`));
  }

  #partial(name: string): LabBuffer {
    const buffer = this.#partials.get(name);
    if (!buffer) throw new Error(`no matrix reads the input ${name}`);
    return buffer;
  }

  /** The hook for Decoder.block of one batch. */
  hook(rec: Recorder, text: GpuText, batch: Batch): (input: string, x: Act) => Promise<void> {
    const chunkBegin = text.batches
      .slice(0, text.batches.indexOf(batch))
      .reduce((sum, b) => sum + chunksOf(b), 0);
    return (input, x) =>
      columnEnergy(rec, x, this.#partial(input), { rowsPerChunk: ROWS_PER_CHUNK, chunkBegin });
  }

  async norms(rec: Recorder): Promise<LayerNorms> {
    const out: LayerNorms = {};
    const read = await rec.readMany(
      this.#inputs.map(({ name, width }) => ({
        buffer: this.#partial(name),
        bytes: this.#chunks * width * 4,
      })),
    );
    for (const [i, { name, width }] of this.#inputs.entries()) {
      const partials = new Float32Array(read[i] as ArrayBuffer);
      const norm = new Float32Array(width);
      for (let c = 0; c < width; c++) {
        let sum = 0;
        for (let k = 0; k < this.#chunks; k++) sum += partials[k * width + c] as number;
        norm[c] = Math.sqrt(sum / this.#sequences);
      }
      out[name] = norm;
    }
    return out;
  }
}
