/**
 * Input statistics of one layer's matrices. a_c = (1 / sequences) * sum over all tokens of x_c^2, collected in partial
 * sums on the GPU, added in f64 here; the norm is sqrt in f64, rounded once to f32 (docs/methods.md).
 */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { INPUTS, type DecoderConfig, type InputName } from './archs/define';
import type { GpuText } from './streams';
import type { Batch } from './windows';
import { columnEnergy } from '../ops/columnEnergy';
import type { Act } from '../ops/types';

/** Norms of the input channels of one layer, f32, one vector per shared input. */
export type LayerNorms = Record<InputName, Float32Array<ArrayBuffer>>;

/** Rows added in f32 before f64 takes over. */
const ROWS_PER_CHUNK = 64;

const chunksOf = (batch: Batch): number => Math.ceil(batch.rows / ROWS_PER_CHUNK);

/** Width of each shared input. */
export function inputWidth(c: DecoderConfig, input: InputName): number {
  if (input === 'o') return c.heads * c.headDim;
  return input === 'down' ? c.inner : c.hidden;
}

/** Collects one layer at a time; reusable for the next layer after `norms`. */
export class InputStatistics {
  readonly #config: DecoderConfig;
  readonly #sequences: number;
  readonly #chunks: number;
  readonly #partials: Record<InputName, LabBuffer>;

  constructor(scope: Scope, config: DecoderConfig, text: GpuText) {
    this.#config = config;
    this.#sequences = text.windows.lengths.length;
    this.#chunks = text.batches.reduce((sum, b) => sum + chunksOf(b), 0);
    const make = (input: InputName): LabBuffer =>
      scope.alloc(this.#chunks * inputWidth(config, input) * 4, 'scratch', `energy ${input}`);
    this.#partials = { attn: make('attn'), o: make('o'), mlp: make('mlp'), down: make('down') };
  }

  /** The hook for Decoder.block of one batch. */
  hook(rec: Recorder, text: GpuText, batch: Batch): (input: InputName, x: Act) => Promise<void> {
    const chunkBegin = text.batches
      .slice(0, text.batches.indexOf(batch))
      .reduce((sum, b) => sum + chunksOf(b), 0);
    return (input, x) =>
      columnEnergy(rec, x, this.#partials[input], { rowsPerChunk: ROWS_PER_CHUNK, chunkBegin });
  }

  async norms(rec: Recorder): Promise<LayerNorms> {
    const out = {} as LayerNorms;
    const widths = INPUTS.map((input) => inputWidth(this.#config, input));
    const read = await rec.readMany(
      INPUTS.map((input, i) => ({
        buffer: this.#partials[input],
        bytes: this.#chunks * (widths[i] ?? 0) * 4,
      })),
    );
    for (const [i, input] of INPUTS.entries()) {
      const width = widths[i] ?? 0;
      const partials = new Float32Array(read[i] as ArrayBuffer);
      const norm = new Float32Array(width);
      for (let c = 0; c < width; c++) {
        let sum = 0;
        for (let k = 0; k < this.#chunks; k++) sum += partials[k * width + c] as number;
        norm[c] = Math.sqrt(sum / this.#sequences);
      }
      out[input] = norm;
    }
    return out;
  }
}
