/** How alike the activations of the dense model are: inputs of blocks, and of the matrices inside a block. */
import type { Workspace } from '../../models/decoder';
import { matrixOf } from '../../models/load';
import type { DenseStream } from '../../models/streams';
import type { Batch } from '../../models/windows';
import { ALS_NORMALISE, ALS_SEQUENCES, ALS_TOKENS } from '../../pruning/allocations/als';
import { similarityCost, similarityOf, unitRows, type Features } from '../../pruning/measures/similarity';
import { withDense, type FactContext, type Found } from './context';

/** Rows of a batch that are compared: `tokens` of each of the first sequences, evenly spread. */
function rowsOf(stream: DenseStream, sequences: number, tokens: number): { batch: Batch; rows: number[] }[] {
  let left = sequences;
  return stream.text.batches.flatMap((batch) => {
    const taken = Math.min(left, batch.sequences);
    left -= taken;
    if (taken === 0) return [];
    const each = Math.min(tokens, batch.length);
    const rows = Array.from({ length: taken * each }, (_, at) => {
      const [sequence, t] = [Math.floor(at / each), at % each];
      return sequence * batch.length + Math.floor((t * batch.length) / each);
    });
    return [{ batch, rows }];
  });
}

/** Multiplications for which every token is compared: some ten seconds of one CPU core. */
const MOST_PRODUCTS = 2.5e10;

interface Chosen {
  parts: ReturnType<typeof rowsOf>;
  warnings: string[];
}

/**
 * The rows that are compared. Unless their number is given, all; fewer of each sequence where that would take too long.
 * `widths` are those of what is compared with one another, in each of `times` comparisons.
 */
function chosen({ plan }: FactContext, stream: DenseStream, widths: number[], times: number): Chosen {
  const sequences = Number(plan.params[ALS_SEQUENCES.name]);
  const given = Number(plan.params[ALS_TOKENS.name]);
  if (given > 0) return { parts: rowsOf(stream, sequences, given), warnings: [] };
  const lengths = stream.text.windows.lengths.slice(0, sequences);
  const compared = (each: number): number => lengths.reduce((sum, n) => sum + Math.min(each, n), 0);
  const longest = Math.max(...lengths);
  let each = longest;
  while (each > 1 && times * similarityCost(widths, compared(each)).products > MOST_PRODUCTS) each--;
  const warnings =
    each === longest
      ? []
      : [
          `ALS compares ${each} tokens of each calibration sequence here, evenly spread; ${ALS_TOKENS.name}=${longest} compares all, and takes that much longer.`,
        ];
  return { parts: rowsOf(stream, sequences, each), warnings };
}

/** Collects chosen rows of one activation, batch by batch. */
class Collector {
  readonly #parts: Float32Array[] = [];
  width = 0;

  add(values: Float32Array, width: number, rows: readonly number[]): void {
    this.width = width;
    const part = new Float32Array(rows.length * width);
    rows.forEach((row, i) => part.set(values.subarray(row * width, (row + 1) * width), i * width));
    this.#parts.push(part);
  }

  features(normalise: boolean): Features {
    const values = new Float32Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      values.set(part, at);
      at += part.length;
    }
    const features = { values, width: this.width };
    if (normalise) unitRows(features);
    return features;
  }
}

export function blockSimilarity(context: FactContext): Promise<Found<number[][]>> {
  const { engine, rec, plan, pace } = context;
  const { layers, hidden } = engine.model.config;
  return withDense(context, async (stream, ws) => {
    const features: Features[] = [];
    const { parts, warnings } = chosen(context, stream, Array<number>(layers).fill(hidden), 1);
    for (let layer = 0; layer < layers; layer++) {
      const collector = new Collector();
      for (const { batch, rows } of parts) {
        stream.load(rec, layer - 1, batch, ws.x);
        collector.add(await rec.readF32(ws.x.buffer, batch.rows * hidden), hidden, rows);
      }
      features.push(collector.features(plan.params[ALS_NORMALISE.name] === true));
    }
    return { value: await similarityOf(features, pace), warnings };
  });
}

/** In the order of each block's matrices; those of one input are the same to the bit. */
export function inputSimilarity(context: FactContext): Promise<Found<number[][][]>> {
  const { engine, plan, pace } = context;
  const { layers, matrices } = engine.model.config;
  return withDense(context, async (stream, ws) => {
    const out: number[][][] = [];
    const { parts, warnings } = chosen(context, stream, inputWidths(context), layers);
    for (let layer = 0; layer < layers; layer++) {
      const inputs = await inputsOfLayer(context, stream, parts, ws, layer);
      const names = [...inputs.keys()];
      const normalise = plan.params[ALS_NORMALISE.name] === true;
      const psi = await similarityOf(
        [...inputs.values()].map((c) => c.features(normalise)),
        pace,
      );
      const at = matrices.map(({ input }) => names.indexOf(input));
      out.push(at.map((i) => at.map((j) => psi[i]?.[j] ?? 0)));
    }
    return { value: out, warnings };
  });
}

/** Widths of the different inputs of a block's matrices. */
function inputWidths({ engine }: FactContext): number[] {
  const widths = new Map(
    engine.model.config.matrices.map(({ name, input }) => [input, matrixOf(engine.model, 0, name).cols]),
  );
  return [...widths.values()];
}

async function inputsOfLayer(
  context: FactContext,
  stream: DenseStream,
  parts: Chosen['parts'],
  ws: Workspace,
  layer: number,
): Promise<Map<string, Collector>> {
  const { engine, rec, meter } = context;
  const inputs = new Map<string, Collector>();
  meter.total(parts.reduce((sum, { batch }) => sum + batch.rows, 0));
  for (const { batch, rows } of parts) {
    stream.load(rec, layer - 1, batch, ws.x);
    await engine.decoder.block(rec, ws, {
      layer,
      sequences: batch.sequences,
      length: batch.length,
      matrix: engine.decoder.dense(layer),
      onInput: async (name, x) => {
        const collector = inputs.get(name) ?? new Collector();
        inputs.set(name, collector);
        collector.add(await rec.readF32(x.buffer, batch.rows * x.cols), x.cols, rows);
      },
    });
    meter.add(batch.rows);
  }
  return inputs;
}
