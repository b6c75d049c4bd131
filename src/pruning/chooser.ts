/** Pruners that choose matrix by matrix on the host: a job for each matrix, and its result back to the GPU. */
import { fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { SolverNote } from '../core/report';
import type { Recorder } from '../gpu/recorder';
import type { LayerStatistics } from '../models/inputStatistics';
import { matrixOf, type LoadedModel } from '../models/load';
import type { Weight } from '../ops/types';
import { keepAll, maskOf, type PrunedLayer } from './masks';
import { realPace } from './pace';
import type { Choose, ChooseLayer, MatrixChoice, MatrixJob, Pace, Params } from './pruners/define';
import { fractionOf, rateOf, type MatrixRates, type Rate } from './rates';
import { readWeight } from './readWeight';

export interface ChooserOptions {
  /** Matrix by matrix, or a whole layer at once. */
  choose: { matrix: Choose } | { layer: ChooseLayer };
  params: Params;
  pattern: MatrixJob['pattern'];
  exactBudget: boolean;
  warn(text: string): void;
  /** Gradients of a tensor, [outputs, inputs], where the pruner asks for them. */
  gradient?: (tensor: string) => Promise<Float32Array<ArrayBuffer>>;
}

/** Statistics of a layer's inputs, and what they were taken from. */
export interface LayerInputs {
  statistics: LayerStatistics;
  sequences: number;
  tokens: number;
}

export class Chooser {
  readonly #model: LoadedModel;
  readonly #options: ChooserOptions;
  #pace: Pace | undefined;
  /** What solvers said, by tensor. */
  readonly notes: Record<string, SolverNote> = {};

  constructor(model: LoadedModel, options: ChooserOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** All matrices of a layer into `out`. `inputs` null for pruners that need nothing of them. */
  async layer(
    rec: Recorder,
    layer: number,
    rates: MatrixRates,
    inputs: LayerInputs | null,
    out: PrunedLayer,
  ): Promise<void> {
    const { choose } = this.#options;
    if ('layer' in choose) return this.#atOnce(rec, choose.layer, layer, rates, out);
    for (const name of Object.keys(rates)) {
      const rate = rateOf(rates, name);
      const { group } = typeof rate === 'number' ? {} : rate;
      if (this.#options.pattern === 'free' && !group && fractionOf(rate) <= 0)
        this.#keepAll(rec, layer, name, out);
      else await this.#matrix(rec, choose.matrix, layer, name, rate, inputs, out);
    }
  }

  async #atOnce(
    rec: Recorder,
    choose: ChooseLayer,
    layer: number,
    rates: MatrixRates,
    out: PrunedLayer,
  ): Promise<void> {
    const { params, warn, gradient } = this.#options;
    const { config } = this.#model;
    const weights = config.matrices.map(({ name }) => ({ name, weight: matrixOf(this.#model, layer, name) }));
    const rate = meanRate(
      weights.map(({ name, weight: { rows, cols } }) => ({
        rate: fractionOf(rateOf(rates, name)),
        count: rows * cols,
      })),
    );
    if (rate <= 0) {
      for (const { name } of weights) this.#keepAll(rec, layer, name, out);
      return;
    }
    const matrices: Record<string, Pick<MatrixJob, 'rows' | 'cols' | 'weights'>> = {};
    const gradients: Record<string, Float32Array> = {};
    for (const { name, weight } of weights) {
      const { rows, cols } = weight;
      matrices[name] = { rows, cols, weights: await this.#weights(rec, weight) };
      if (gradient) gradients[name] = await gradient(weight.name);
    }
    rec.work.cpuStages += 1;
    const chosen = await choose({
      layer,
      params,
      pace: (this.#pace ??= realPace(rec)),
      warn,
      config,
      rate,
      matrices,
      ...(gradient ? { gradients } : {}),
    });
    for (const { name, weight } of weights) {
      const choice = chosen[name];
      if (!choice) throw new LabError('InternalError', `The pruner left ${name} of layer ${layer + 1} out.`);
      this.#write(rec, layer, weight, choice, name, out);
    }
  }

  /** The values of a weight, the caller's own copy. */
  async #weights(rec: Recorder, weight: Weight): Promise<Float32Array<ArrayBuffer>> {
    return toF32(await readWeight(rec, weight), weight.dtype) as Float32Array<ArrayBuffer>;
  }

  async #matrix(
    rec: Recorder,
    choose: Choose,
    layer: number,
    name: string,
    rate: Rate,
    inputs: LayerInputs | null,
    out: PrunedLayer,
  ): Promise<void> {
    const { params, pattern, exactBudget, warn, gradient } = this.#options;
    const spec = this.#model.config.matrices.find((m) => m.name === name);
    if (!spec) throw new Error(`there is no matrix ${name}`);
    const weight = matrixOf(this.#model, layer, name);
    const { rows, cols, dtype } = weight;
    const { rowZeros, group } = typeof rate === 'number' ? {} : rate;
    rec.work.cpuStages += 1;
    const choice = await choose({
      layer,
      matrix: name,
      tensor: weight.name,
      rows,
      cols,
      weights: await this.#weights(rec, weight),
      dtype,
      rate: fractionOf(rate),
      ...(rowZeros ? { rowZeros } : {}),
      pattern: group ?? pattern,
      exactBudget,
      params,
      statistics: {
        sequences: inputs?.sequences ?? 0,
        tokens: inputs?.tokens ?? 0,
        ...inputs?.statistics[spec.input],
        ...(gradient ? { gradient: await gradient(weight.name) } : {}),
      },
      pace: (this.#pace ??= realPace(rec)),
      warn,
    });
    if (choice.solver) this.notes[weight.name] = choice.solver;
    this.#write(rec, layer, weight, choice, name, out);
  }

  /** A matrix that loses nothing. */
  #keepAll(rec: Recorder, layer: number, name: string, out: PrunedLayer): void {
    keepAll(rec, maskOf(out.masks, name));
    this.#keepValues(rec, layer, name, out);
  }

  /** The weights as they are, where new ones are expected of every matrix. */
  #keepValues(rec: Recorder, layer: number, name: string, out: PrunedLayer): void {
    const fresh = this.#target(layer, name, out);
    if (!fresh) return;
    for (const [i, s] of matrixOf(this.#model, layer, name).shards.entries())
      rec.copy(s.buffer, 0, (fresh.shards[i] ?? s).buffer, 0, s.buffer.bytes);
  }

  /** Room for the new weights of a matrix, in its own shape and dtype. */
  #target(layer: number, name: string, out: PrunedLayer): Weight | null {
    const room = out.values?.[name];
    if (!room || !out.values) return null;
    const base = matrixOf(this.#model, layer, name);
    const shards = base.shards.map((s, i) => ({ ...s, buffer: (room.shards[i] ?? s).buffer }));
    return (out.values[name] = { ...base, shards });
  }

  #write(
    rec: Recorder,
    layer: number,
    weight: Weight,
    choice: MatrixChoice,
    name: string,
    out: PrunedLayer,
  ): void {
    const { rows, cols, dtype } = weight;
    const mask = maskOf(out.masks, name);
    const { kept, values } = choice;
    if (kept.length !== rows * mask.wordsPerRow)
      throw new LabError('InternalError', `${weight.name}: a mask of ${kept.length} words for ${rows} rows.`);
    rec.write(mask.buffer, 0, kept);
    const fresh = this.#target(layer, name, out);
    if (!values) {
      this.#keepValues(rec, layer, name, out);
      return;
    }
    if (!fresh)
      throw new LabError('InternalError', `${weight.name}: new weights from a pruner that keeps them.`);
    if (values.length !== rows * cols)
      throw new LabError('InternalError', `${weight.name}: ${values.length} new weights for ${rows * cols}.`);
    checkRange(weight.name, values, dtype);
    for (const { buffer, rowBegin, rows: count } of fresh.shards)
      rec.write(
        buffer,
        0,
        padded(fromF32(values.subarray(rowBegin * cols, (rowBegin + count) * cols), dtype)),
      );
  }
}

/** Equal rates are passed on as they are: a mean of them would be rounded, and whole groups hang on it. */
function meanRate(asked: readonly { rate: number; count: number }[]): number {
  const first = asked[0]?.rate ?? 0;
  if (asked.every(({ rate }) => rate === first)) return first;
  const zeros = asked.reduce((sum, { rate, count }) => sum + rate * count, 0);
  return zeros / asked.reduce((sum, { count }) => sum + count, 0);
}

/** From here on a number rounds to infinity. */
const INFINITE: Record<FloatDtype, number> = { F16: 65520, BF16: 2 ** 128 - 2 ** 119, F32: Infinity };

/** A solver's numbers go into files: what is not a number there must not. SolverError. */
export function checkRange(name: string, values: Float32Array, dtype: FloatDtype): void {
  if (values.every((v) => Math.abs(v) < INFINITE[dtype])) return;
  throw new LabError(
    'SolverError',
    `The solver gave weights of ${name} that are not finite in ${dtype}.`,
    'Use more calibration tokens, or a larger damping.',
  );
}

/** Whole words, as a write to the GPU wants them. */
function padded(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength % 4 === 0) return bytes;
  const out = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  out.set(bytes);
  return out;
}
