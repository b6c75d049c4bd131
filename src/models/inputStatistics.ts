/**
 * Input statistics of one layer's matrices, collected in partial sums on the GPU and finished in f64 here
 * (docs/methods.md). Norms: sqrt of a_c = (1 / sequences) * sum over all tokens of x_c^2, rounded once to f32. Gram
 * matrices: the sum over all tokens of x x^T. Moments: signed means and variances inside the sequences.
 */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { columnEnergy } from '../ops/columnEnergy';
import { gramScratchBytes, momentChunks } from '../ops/statisticShapes';
import type { Act } from '../ops/types';
import { Workspace } from '../ops/workspace';
import { inputsOf, type DecoderConfig, type InputSpec } from './archs/define';
import type { GpuText } from './streams';
import type { Batch } from './windows';

/** Norms of the input channels of one layer, f32, one vector per shared input. */
export type LayerNorms = Record<string, Float32Array<ArrayBuffer>>;

/** Fetched when a pruner asks for them: most runs do without. */
const momentsOp = (): Promise<typeof import('../ops/columnMoments')> => import('../ops/columnMoments');
const gramOp = (): Promise<typeof import('../ops/gram')> => import('../ops/gram');

/** Which statistics are to be collected. */
export interface WantedStatistics {
  norm: boolean;
  gram: boolean;
  moments: boolean;
}

/** Statistics of one shared input of C channels; those that were wanted are there. */
export interface InputStatistic {
  /** sqrt(a_c), [C]. */
  norms?: Float32Array<ArrayBuffer>;
  /** Sum over all tokens of x x^T, row-major [C, C], symmetric to the bit. */
  gram?: Float32Array<ArrayBuffer>;
  /** (1 / sequences) * sum over all tokens of x_c, [C]. */
  mean?: Float64Array<ArrayBuffer>;
  /** Token-weighted mean of the biased variances inside each sequence, [C]. */
  variance?: Float64Array<ArrayBuffer>;
}

/** Statistics of one layer by shared input. */
export type LayerStatistics = Record<string, InputStatistic>;

const NORMS_ONLY: WantedStatistics = { norm: true, gram: false, moments: false };

/** Rows added in f32 before f64 takes over. */
const ROWS_PER_CHUNK = 64;

const energyChunksOf = (batch: Batch): number => Math.ceil(batch.rows / ROWS_PER_CHUNK);
const momentChunksOf = (batch: Batch): number => batch.sequences * momentChunks(batch.length, ROWS_PER_CHUNK);

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

interface InputBuffers {
  energy: LabBuffer | null;
  moments: LabBuffer | null;
  gram: LabBuffer | null;
}

/** Collects one layer at a time; reusable for the next layer once it was read. */
export class InputStatistics {
  readonly #inputs: InputSpec[];
  readonly #lengths: readonly number[];
  readonly #energyChunks: number;
  readonly #momentChunks: number;
  readonly #wanted: WantedStatistics;
  readonly #buffers = new Map<string, InputBuffers>();
  readonly #scratch: Workspace;

  constructor(scope: Scope, config: DecoderConfig, text: GpuText, wanted: WantedStatistics = NORMS_ONLY) {
    this.#inputs = inputsOf(config);
    this.#lengths = text.windows.lengths;
    this.#energyChunks = sumOf(text.batches, energyChunksOf);
    this.#momentChunks = sumOf(text.batches, momentChunksOf);
    this.#wanted = wanted;
    this.#scratch = new Workspace(scope);
    const alloc = (want: boolean, values: number, label: string): LabBuffer | null =>
      want ? scope.alloc(values * 4, 'scratch', label) : null;
    for (const { name, width } of this.#inputs) {
      this.#buffers.set(name, {
        energy: alloc(wanted.norm, this.#energyChunks * width, `energy ${name}`),
        moments: alloc(wanted.moments, this.#momentChunks * 2 * width, `moments ${name}`),
        gram: alloc(wanted.gram, width * width, `gram ${name}`),
      });
    }
  }

  /** Bytes of GPU memory for a text in these batches: held, scratch while collecting, and while they are read. */
  static bytes(
    config: DecoderConfig,
    batches: readonly Batch[],
    wanted: WantedStatistics,
  ): { held: number; collecting: number; reading: number } {
    const inputs = inputsOf(config);
    const width = sumOf(inputs, (i) => i.width);
    const energy = wanted.norm ? sumOf(batches, energyChunksOf) * width * 4 : 0;
    const moments = wanted.moments ? 2 * sumOf(batches, momentChunksOf) * width * 4 : 0;
    const squares = wanted.gram ? inputs.map((i) => i.width * i.width * 4) : [];
    const largest = Math.max(0, ...batches.map((b) => b.rows));
    return {
      held: energy + moments + sumOf(squares, (n) => n),
      collecting: wanted.gram ? Math.max(...inputs.map((i) => gramScratchBytes(largest, i.width))) : 0,
      reading: Math.max(energy, moments, ...squares),
    };
  }

  #of(name: string): InputBuffers {
    const buffers = this.#buffers.get(name);
    if (!buffers) throw new Error(`no matrix reads the input ${name}`);
    return buffers;
  }

  /** The hook for Decoder.block of one batch; the first batch of the text begins anew. */
  hook(rec: Recorder, text: GpuText, batch: Batch): (input: string, x: Act) => Promise<void> {
    const before = text.batches.slice(0, text.batches.indexOf(batch));
    const energyBegin = sumOf(before, energyChunksOf);
    const momentBegin = sumOf(before, momentChunksOf);
    return async (input, x) => {
      const to = this.#of(input);
      if (to.energy)
        await columnEnergy(rec, x, to.energy, { rowsPerChunk: ROWS_PER_CHUNK, chunkBegin: energyBegin });
      if (to.moments)
        await (
          await momentsOp()
        ).columnMoments(rec, x, to.moments, {
          length: batch.length,
          rowsPerChunk: ROWS_PER_CHUNK,
          chunkBegin: momentBegin,
        });
      if (to.gram)
        await (await gramOp()).gram(rec, x, to.gram, { accumulate: before.length > 0 }, this.#scratch);
    };
  }

  /** Norms of the layer, where they were wanted. */
  async norms(rec: Recorder): Promise<LayerNorms> {
    const partials = await this.#read(rec, 'energy', this.#energyChunks);
    return Object.fromEntries(
      partials.map(({ name, width, values }) => {
        const norm = new Float32Array(width);
        for (let c = 0; c < width; c++) {
          let sum = 0;
          for (let k = 0; k < this.#energyChunks; k++) sum += values[k * width + c] as number;
          norm[c] = Math.sqrt(sum / this.#lengths.length);
        }
        return [name, norm];
      }),
    );
  }

  /** Everything that was wanted of the layer. */
  async read(rec: Recorder): Promise<LayerStatistics> {
    rec.work.cpuStages += 1;
    const out: LayerStatistics = Object.fromEntries(this.#inputs.map(({ name }) => [name, {}]));
    const add = (name: string, found: InputStatistic): void => {
      out[name] = { ...out[name], ...found };
    };
    if (this.#wanted.norm)
      for (const [name, norms] of Object.entries(await this.norms(rec))) add(name, { norms });
    if (this.#wanted.moments) {
      const { joinMoments } = await momentsOp();
      for (const { name, width, values } of await this.#read(rec, 'moments', this.#momentChunks * 2))
        add(name, joinMoments(values, width, this.#lengths, ROWS_PER_CHUNK));
    }
    // One after the other: each may be as large as a buffer can be.
    for (const { name, width } of this.#inputs) {
      const buffer = this.#of(name).gram;
      if (buffer) add(name, { gram: await (await gramOp()).readGram(rec, buffer, width) });
    }
    return out;
  }

  /** `rows` rows of the partial sums of every input, in one round trip. */
  async #read(
    rec: Recorder,
    kind: 'energy' | 'moments',
    rows: number,
  ): Promise<(InputSpec & { values: Float32Array })[]> {
    const pieces = this.#inputs.flatMap((input) => {
      const buffer = this.#of(input.name)[kind];
      return buffer ? [{ ...input, buffer, bytes: rows * input.width * 4 }] : [];
    });
    const read = await rec.readMany(pieces);
    return pieces.map(({ name, width }, i) => ({
      name,
      width,
      values: new Float32Array(read[i] as ArrayBuffer),
    }));
  }
}
