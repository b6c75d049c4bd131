/**
 * Theorem 3.1: every layer alone, at rising rates, on the dense inputs of the calibration text. The layer's error is
 * measured at its output; those of its matrices follow from the Gram matrices of their inputs.
 */
import { toF32 } from '../../core/dtypes';
import type { LayerCurve, MonotoneExperiment } from '../../core/theory';
import { monotoneSummary, monotoneVerdict } from '../../eval/theory/monotone';
import type { Recorder } from '../../gpu/recorder';
import type { Workspace } from '../../models/decoder';
import { matrixOf } from '../../models/load';
import type { DenseStream } from '../../models/streams';
import { errorPartials, errorSums, sumPartials } from '../../ops/errorSums';
import type { Act } from '../../ops/types';
import { allocPrunedLayer, MaskedLayer } from '../../pruning/masks';
import { MatrixSweep } from '../../pruning/measures/matrixSweep';
import { realPace } from '../../pruning/pace';
import { inputsFrom } from '../../pruning/pass';
import { readWeight } from '../../pruning/readWeight';
import { wantedOf, type Meter } from '../engine';
import { ratesFor } from '../plan';
import type { Trial } from './index';
import { head, type TheoryRun } from './run';

export const monotone: Trial = {
  steps: ({ layers }) => layers,
  async run(run) {
    const { rates } = run.spec;
    const known = run.known('3.1');
    const layers: LayerCurve[] = known ? [...known.layers] : [];
    run.skip(layers.length);
    const experiment = (): MonotoneExperiment => ({
      ...head('3.1'),
      rates,
      layers: [...layers],
      summary: null,
    });
    for (let layer = layers.length; layer < run.layers; layer++) {
      layers.push(
        await run.step(run.stage('3.1', `layer ${layer + 1} of ${run.layers}`), (rec, meter) =>
          layerCurve(run, layer, rec, meter, { matrices: true }),
        ),
      );
      run.publish(experiment());
    }
    const summary = monotoneSummary(layers);
    run.publish({ ...experiment(), summary, done: true, verdict: monotoneVerdict(layers, summary) });
  },
};

/** f_i(s) of one layer at the rates of the spec, with or without its matrices. */
export async function layerCurve(
  run: TheoryRun,
  layer: number,
  rec: Recorder,
  meter: Meter,
  want: { matrices: boolean },
): Promise<LayerCurve> {
  const { engine } = run.lab.loaded;
  const { model } = engine;
  const { rates } = run.spec;
  const { calibration } = run.draw(run.mainSeed);
  const entry = engine.dense(rec, calibration);
  entry.users += 1;
  const scope = engine.ctx.root.child();
  try {
    const { stream, ranks } = entry;
    const { text } = stream;
    const ws = engine.workspace(scope, [text]);
    const plan = run.planOf(run.uniform());
    const { selector } = await engine.selector(rec, scope, { plan, calibration }, meter, (w) => run.warn(w));
    const pruned = allocPrunedLayer(scope, model, layer, plan.updates);
    const masked = new MaskedLayer(engine.ctx, scope, model);
    const output = new OutputError(run, stream, ws, scope);
    await scope.ready();
    const { tokens } = text.windows;
    meter.total(tokens * (rates.length + 1 + layer - stream.filled));
    const onBlock = (n: number): void => meter.add(n);
    await stream.ensure(rec, ws, layer, onBlock);
    const wanted = wantedOf(plan.statistics);
    const found = await stream.denseStatistics(rec, ws, layer, { ...wanted, gram: want.matrices || wanted.gram }, onBlock); // prettier-ignore
    // Row orders are remembered for these.
    for (const [input, norms] of Object.entries(stream.norms[layer] ?? {}))
      if (found[input]?.norms) found[input] = { ...found[input], norms };
    const inputs = inputsFrom(text, found);
    const pace = realPace(rec);
    const sweeps: MatrixSweep[] = [];
    if (want.matrices)
      for (const { name, input } of model.config.matrices) {
        const weight = matrixOf(model, layer, name);
        const gram = found[input]?.gram;
        if (!gram) throw new Error(`there is no Gram matrix of ${input}`);
        const { rows, cols, dtype } = weight;
        sweeps.push(
          new MatrixSweep({ matrix: name, rows, cols }, toF32(await readWeight(rec, weight), dtype), gram),
        );
      }
    const local: (number | null)[] = [];
    let dense: number | null = null;
    for (const rate of rates) {
      const ofRate = run.planOf(run.uniform(rate));
      const asked = ratesFor(run.lab.loaded.plan, ofRate, 0).rates[layer];
      if (!asked) throw new Error(`no rates for layer ${layer}`);
      await selector.select(rec, layer, asked, inputs, pruned, ranks);
      await masked.use(rec, layer, pruned);
      const sums = await output.measure(rec, layer, masked.view(rec), onBlock);
      local.push(finite(sums.cumulative));
      dense = finite(sums.dense);
      for (const sweep of sweeps) {
        const weight = await masked.masked(rec, sweep.curve.matrix);
        await sweep.next(toF32(await readWeight(rec, weight), weight.dtype), pace);
      }
    }
    // What is recorded reads the workspace.
    rec.flush();
    return { layer, local, dense, matrices: sweeps.map(({ curve }) => curve) };
  } finally {
    entry.users -= 1;
    scope.close();
  }
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

/** The distance of a layer's output from the dense one, on the dense stream. */
class OutputError {
  readonly #run: TheoryRun;
  readonly #stream: DenseStream;
  readonly #ws: Workspace;
  readonly #dense: Act;
  readonly #partials: Act['buffer'];
  readonly #counts: number[];

  constructor(
    run: TheoryRun,
    stream: DenseStream,
    ws: Workspace,
    scope: { alloc(bytes: number, kind: 'activations' | 'scratch', label: string): Act['buffer'] },
  ) {
    const { hidden } = run.lab.loaded.engine.model.config;
    const { text } = stream;
    this.#run = run;
    this.#stream = stream;
    this.#ws = ws;
    this.#dense = {
      buffer: scope.alloc(text.largest * hidden * 4, 'activations', 'dense outputs'),
      rows: text.largest,
      cols: hidden,
    };
    this.#counts = text.batches.map((batch) => errorPartials(batch.rows * hidden));
    const partials = this.#counts.reduce((a, b) => a + b, 0);
    this.#partials = scope.alloc(partials * 24, 'scratch', 'error sums');
  }

  async measure(
    rec: Recorder,
    layer: number,
    matrix: ReturnType<MaskedLayer['view']>,
    onBlock: (tokens: number) => void,
  ): Promise<ReturnType<typeof sumPartials>> {
    const { decoder } = this.#run.lab.loaded.engine;
    const ws = this.#ws;
    let begin = 0;
    for (const [i, batch] of this.#stream.text.batches.entries()) {
      const { sequences, length, rows } = batch;
      this.#stream.load(rec, layer - 1, batch, ws.x);
      await decoder.block(rec, ws, { layer, sequences, length, matrix });
      this.#stream.load(rec, layer, batch, this.#dense);
      await errorSums(rec, { a: { ...ws.y, rows }, c: { ...this.#dense, rows } }, this.#partials, begin);
      begin += this.#counts[i] ?? 0;
      onBlock(rows);
    }
    return sumPartials(await rec.readF32(this.#partials, begin * 6));
  }
}
