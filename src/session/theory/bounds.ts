/**
 * Theorem 3.2: the model pruned at the target rate, matrix by matrix. X is what the dense model hands to a matrix, X~
 * what the pruned model does; both streams run through the layers together.
 */
import { toF32 } from '../../core/dtypes';
import type { BoundExperiment, MatrixBound, TheoremId } from '../../core/theory';
import { boundVerdict, gainsOf, matrixBound, type BoundSums } from '../../eval/theory/bounds';
import type { Recorder } from '../../gpu/recorder';
import type { LabBuffer, Scope } from '../../gpu/scope';
import { inputsOf } from '../../models/archs/define';
import type { Workspace } from '../../models/decoder';
import { matrixOf } from '../../models/load';
import { embedBatch, Stream } from '../../models/streams';
import { errorPartials, errorSums, sumPartials } from '../../ops/errorSums';
import { matmul } from '../../ops/matmul';
import type { Act } from '../../ops/types';
import { allocPrunedLayer, MaskedLayer, type PrunedLayer } from '../../pruning/masks';
import { realPace } from '../../pruning/pace';
import { readWeight } from '../../pruning/readWeight';
import type { Engine } from '../engine';
import { squaredSingularValues } from '../facts/spectra';
import { ratesFor } from '../plan';
import type { Trial } from './index';
import { head, type TheoryRun } from './run';

/** Sums over one matrix and the text. */
type Sums = Omit<BoundSums, 'matrix' | 'rows' | 'cols' | 'smallest' | 'largest'>;

/** Outputs of a matrix that are compared at a time. */
const COMPARED_BYTES = 8 << 20;

export const bounds: Trial = {
  steps: ({ layers, draws }) => 1 + layers + draws.length,
  async run(run) {
    const known = run.known('3.2');
    const { sparsity } = run.spec.base;
    const gains: BoundExperiment['gains'] = [];
    const layers = known ? [...known.layers] : [];
    const experiment = (): BoundExperiment => ({
      ...head('3.2'),
      sparsity,
      layers: [...layers],
      gains: [...gains],
    });
    for (const seed of run.seeds) {
      gains.push({ seed, gain: await uniformGains(run, '3.2', seed) });
      run.publish(experiment());
    }
    const from = layers.length;
    if (from === run.layers) run.skip(1 + run.layers);
    else {
      const walk = new BoundWalk(run);
      try {
        await walk.open();
        for (let layer = 0; layer < run.layers; layer++) {
          const matrices = await walk.layer(layer, layer < from);
          if (!matrices) continue;
          layers.push({ layer, matrices });
          run.publish(experiment());
        }
      } finally {
        walk.close();
      }
    }
    const done = experiment();
    run.publish({ ...done, done: true, verdict: boundVerdict(done) });
  },
};

/** c_i of the model pruned at the target rate in every layer. */
export async function uniformGains(
  run: TheoryRun,
  theorem: TheoremId,
  seed: number,
): Promise<(number | null)[]> {
  const trial = await run.trial(theorem, 'uniform', seed, run.uniform(), { full: true });
  return gainsOf(trial.errors ?? []);
}

interface Opened {
  dense: ReturnType<Engine['dense']>;
  pruned: Stream;
  ws: Workspace;
  /** Dense inputs by name, [batch, width]. */
  saved: Map<string, Act>;
  outputs: LabBuffer[];
  rowsAtOnce: number;
  partials: LabBuffer;
}

/** Both streams of the calibration text, dense and pruned, layer by layer. */
class BoundWalk {
  readonly #run: TheoryRun;
  readonly #engine: Engine;
  readonly #scope: Scope;
  readonly #pruned: readonly PrunedLayer[];
  readonly #masked: MaskedLayer;
  #opened: Opened | undefined;

  constructor(run: TheoryRun) {
    this.#run = run;
    this.#engine = run.lab.loaded.engine;
    this.#scope = run.lab.ctx.root.child();
    const { model, ctx } = this.#engine;
    const { updates } = run.planOf(run.uniform());
    this.#pruned = model.layers.map((_, layer) => allocPrunedLayer(this.#scope, model, layer, updates));
    this.#masked = new MaskedLayer(ctx, this.#scope, model);
  }

  /** Prunes the model and begins the streams. */
  async open(): Promise<void> {
    const run = this.#run;
    const engine = this.#engine;
    const scope = this.#scope;
    const { config } = engine.model;
    const plan = run.planOf(run.uniform());
    const { calibration } = run.draw(run.mainSeed);
    const { rates } = ratesFor(run.lab.loaded.plan, plan, 0);
    await scope.ready();
    await run.step(run.stage('3.2', 'pruning'), async (rec, meter) => {
      await engine.prune(rec, { plan, rates, statistics: run.spec.base.stats, calibration, keep: this.#pruned }, meter); // prettier-ignore
      const dense = engine.dense(rec, calibration);
      dense.users += 1;
      const { text } = dense.stream;
      const ws = engine.workspace(scope, [text]);
      const pruned = new Stream(scope, text.windows.tokens, config.hidden, 'pruned stream');
      const saved = new Map(
        inputsOf(config).map(({ name, width }): [string, Act] => [
          name,
          { buffer: scope.alloc(text.largest * width * 4, 'activations', `dense ${name}`), rows: text.largest, cols: width }, // prettier-ignore
        ]),
      );
      const widest = Math.max(...config.matrices.map((m) => m.rows));
      const widestInput = Math.max(...[...saved.values()].map(({ cols }) => cols));
      const rowsAtOnce = Math.max(1, Math.min(text.largest, Math.floor(COMPARED_BYTES / (widest * 4))));
      const outputs = ['dense', 'pruned on dense', 'pruned'].map((label) =>
        scope.alloc(rowsAtOnce * widest * 4, 'activations', `outputs ${label}`),
      );
      const most = Math.max(errorPartials(rowsAtOnce * widest), errorPartials(text.largest * widestInput));
      const partials = scope.alloc(most * 24, 'scratch', 'error sums');
      this.#opened = { dense, pruned, ws, saved, outputs, rowsAtOnce, partials };
      const ids = scope.alloc(text.largest * 4, 'scratch', 'batch ids');
      await scope.ready();
      for (const batch of text.batches) {
        await embedBatch(rec, engine.decoder, text, batch, ids, ws.x);
        pruned.store(rec, batch, ws.x);
      }
    });
  }

  close(): void {
    if (this.#opened) this.#opened.dense.users -= 1;
    this.#scope.close();
  }

  /** Takes the pruned stream through the layer; null where its matrices are known already. */
  layer(layer: number, known: boolean): Promise<MatrixBound[] | null> {
    const run = this.#run;
    return run.step(run.stage('3.2', `layer ${layer + 1} of ${run.layers}`), async (rec, meter) => {
      const { dense, pruned, ws } = this.#open();
      const { stream } = dense;
      const { tokens } = stream.text.windows;
      meter.total(tokens * (2 + Math.max(0, layer - 1 - stream.filled)));
      const onBlock = (n: number): void => meter.add(n);
      await stream.ensure(rec, ws, layer - 1, onBlock);
      const layerOf = this.#pruned[layer];
      if (!layerOf) throw new Error(`layer ${layer} was not pruned`);
      await this.#masked.use(rec, layer, layerOf);
      const sums = new Map<string, Sums>();
      const { decoder } = this.#engine;
      for (const batch of stream.text.batches) {
        const { sequences, length, rows } = batch;
        if (!known) {
          stream.load(rec, layer - 1, batch, ws.x);
          await decoder.block(rec, ws, { layer, sequences, length, matrix: decoder.dense(layer), onInput: (input, x) => this.#save(rec, input, x) }); // prettier-ignore
          onBlock(rows);
        }
        pruned.load(rec, batch, ws.x);
        await decoder.block(rec, ws, {
          layer,
          sequences,
          length,
          matrix: this.#masked.view(rec),
          ...(known ? {} : { onInput: (input: string, x: Act) => this.#compare(rec, layer, input, x, sums) }),
        });
        pruned.store(rec, batch, ws.y);
        onBlock(rows);
      }
      rec.flush();
      return known ? null : this.#records(rec, sums);
    });
  }

  #open(): Opened {
    if (!this.#opened) throw new Error('open() was not called');
    return this.#opened;
  }

  #save(rec: Recorder, input: string, x: Act): Promise<void> {
    const to = this.#saved(input, x);
    rec.copy(x.buffer, 0, to.buffer, 0, x.rows * x.cols * 4);
    return Promise.resolve();
  }

  #saved(input: string, { rows }: Act): Act {
    const act = this.#open().saved.get(input);
    if (!act) throw new Error(`no matrix reads the input ${input}`);
    return { ...act, rows };
  }

  /** With a = W~ X~, b = W~ X and c = W X, the error sums of blocks are the terms of the theorem. */
  async #compare(
    rec: Recorder,
    layer: number,
    input: string,
    x: Act,
    sums: Map<string, Sums>,
  ): Promise<void> {
    const { model } = this.#engine;
    const { outputs, rowsAtOnce, partials } = this.#open();
    const dense = this.#saved(input, x);
    await errorSums(rec, { a: x, c: dense }, partials);
    const inputError = sumPartials(
      await rec.readF32(partials, errorPartials(x.rows * x.cols) * 6),
    ).cumulative;
    for (const m of model.config.matrices) {
      if (m.input !== input) continue;
      const weight = matrixOf(model, layer, m.name);
      const kept = await this.#masked.masked(rec, m.name);
      const sum = sums.get(m.name) ?? { inputError: 0, error: 0, first: 0, second: 0, cross: 0 };
      sums.set(m.name, sum);
      sum.inputError += inputError;
      for (let rowBegin = 0; rowBegin < x.rows; rowBegin += rowsAtOnce) {
        const rows = Math.min(rowsAtOnce, x.rows - rowBegin);
        const [c, b, a] = outputs.map((buffer): Act => ({ buffer, rows, cols: weight.rows })) as [
          Act,
          Act,
          Act,
        ];
        await matmul(rec, dense, weight, c, { rowBegin, rows });
        await matmul(rec, dense, kept, b, { rowBegin, rows });
        await matmul(rec, x, kept, a, { rowBegin, rows });
        await errorSums(rec, { a, b, c }, partials);
        const read = sumPartials(await rec.readF32(partials, errorPartials(rows * weight.rows) * 6));
        sum.error += read.cumulative;
        sum.first += read.inherited;
        sum.second += read.inPlace;
        sum.cross += read.cross;
      }
    }
  }

  async #records(rec: Recorder, sums: ReadonlyMap<string, Sums>): Promise<MatrixBound[]> {
    const pace = realPace(rec);
    const out: MatrixBound[] = [];
    for (const { name: matrix } of this.#engine.model.config.matrices) {
      const weight = await this.#masked.masked(rec, matrix);
      const { rows, cols, dtype } = weight;
      let [smallest, largest] = [0, 0];
      if (rows >= cols) {
        const squares = await squaredSingularValues(
          toF32(await readWeight(rec, weight), dtype),
          rows,
          cols,
          pace,
        );
        [smallest, largest] = [squares[0] ?? 0, squares.at(-1) ?? 0];
      }
      const sum = sums.get(matrix);
      if (!sum) throw new Error(`${matrix} was not measured`);
      out.push(matrixBound({ matrix, rows, cols, smallest, largest, ...sum }));
    }
    return out;
  }
}
