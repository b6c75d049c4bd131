/**
 * NEURONAL's scores (arXiv 2411.07066): each candidate prunes a few sequences block by block, and what counts is how far
 * the shares of every matrix's input channels move from those under the dense block on the same input.
 */
import type { LayerNorms } from '../../models/inputStatistics';
import { InputStatistics } from '../../models/inputStatistics';
import { embedBatch, Stream, type GpuText } from '../../models/streams';
import type { NeuronalFacts } from '../../pruning/allocations/facts';
import { blockLambdas, linearRates, NEURO_ROWS, NEURO_SEQUENCES, ROW_LAMBDAS, rowZerosOf } from '../../pruning/allocations/neuronal'; // prettier-ignore
import { allocPrunedLayer, MaskedLayer } from '../../pruning/masks';
import { findPruner } from '../../pruning/pruners';
import type { Pruner } from '../../pruning/pruners/define';
import type { MatrixRates, Rate } from '../../pruning/rates';
import { Selector } from '../../pruning/selector';
import type { FactContext, Found } from './context';

/** Norms of a block's inputs under the dense and the pruned block, by layer. */
type Moved = { dense: LayerNorms; pruned: LayerNorms }[];

interface Scored {
  score: number;
  moved: Moved;
}

export async function neuronal(context: FactContext): Promise<Found<NeuronalFacts>> {
  const { engine, plan, rec, meter } = context;
  const { config } = engine.model;
  const { prunable } = engine.model.plan;
  const warnings: string[] = [];
  let { pruner, params } = plan;
  if (pruner.choose(params) || pruner.chooseLayer || pruner.statistics(params).some((s) => s !== 'norm')) {
    warnings.push(
      `NEURONAL compared its candidates under Wanda's masks: ${pruner.label} is too slow for that.`,
    );
    pruner = findPruner('wanda');
    params = {};
  }
  const scope = engine.ctx.root.child();
  try {
    const text = engine.text(rec, scope, firstSequences(context));
    const lambdas = blockLambdas(plan.requested);
    const byRows = plan.params[NEURO_ROWS.name] === true && pruner.scope(params) === 'row';
    const candidates = lambdas.length + (byRows ? ROW_LAMBDAS.length : 0);
    meter.total(candidates * 2 * config.layers * text.windows.tokens);

    const blocks: { lambda: number; score: number; moved: Moved }[] = [];
    for (const lambda of lambdas) {
      const rates = linearRates(config.layers, plan.requested, lambda);
      const uniform = rates.map((rate) => Object.fromEntries(config.matrices.map((m) => [m.name, rate])));
      blocks.push({ lambda, ...(await scoreOf(context, text, pruner, params, uniform)) });
    }
    const best = lowest(blocks);
    const facts: NeuronalFacts = {
      lambda: best.lambda,
      blocks: blocks.map(({ lambda, score }) => ({ lambda, score })),
    };
    if (!byRows) return { value: facts, warnings };

    const alignment = prunable.map((m) => alignmentOf(context, best.moved, m.layer, m.matrix, m.rows));
    const rates = linearRates(config.layers, plan.requested, best.lambda);
    const tried: { lambda: number; score: number }[] = [];
    for (const lambda of ROW_LAMBDAS) {
      const rows: Record<string, Rate>[] = rates.map(() => ({}));
      prunable.forEach((m, k) => {
        const [rate, aligned] = [rates[m.layer] ?? 0, alignment[k]];
        const rowZeros = aligned ? rowZerosOf(aligned, rate, lambda, m.cols) : null;
        const row = rows[m.layer];
        if (row) row[m.matrix] = rowZeros ? { rate, rowZeros } : rate;
      });
      const { score } = await scoreOf(context, text, pruner, params, rows);
      tried.push({ lambda, score });
    }
    return { value: { ...facts, rows: { lambda: lowest(tried).lambda, tried, alignment } }, warnings };
  } finally {
    scope.close();
  }
}

function lowest<T extends { score: number }>(tried: readonly T[]): T {
  const [first, ...rest] = tried;
  if (!first) throw new Error('nothing was tried');
  return rest.reduce((best, next) => (next.score < best.score ? next : best), first);
}

/** The calibration text's first sequences. */
function firstSequences({ calibration, plan }: FactContext): FactContext['calibration'] {
  const lengths = calibration.windows.lengths.slice(0, Number(plan.params[NEURO_SEQUENCES.name]));
  const tokens = lengths.reduce((a, b) => a + b, 0);
  return { ...calibration, windows: { ids: calibration.windows.ids.slice(0, tokens), lengths, tokens } };
}

/** One partial pruning of the sequences under these rates. */
async function scoreOf(
  context: FactContext,
  text: GpuText,
  pruner: Pruner,
  params: FactContext['plan']['params'],
  rates: readonly MatrixRates[],
): Promise<Scored> {
  const { engine, rec, meter, plan } = context;
  const { decoder, model } = engine;
  const scope = engine.ctx.root.child();
  try {
    const ws = engine.workspace(scope, [text]);
    const stream = new Stream(scope, text.windows.tokens, model.config.hidden, 'candidate stream');
    const ids = scope.alloc(text.largest * 4, 'scratch', 'batch ids');
    const statistics = new InputStatistics(scope, model.config, text);
    const pruned = allocPrunedLayer(scope, model, 0, false);
    const masked = new MaskedLayer(engine.ctx, scope, model);
    const selector = new Selector(scope, model, {
      pruner,
      params,
      pattern: 'free',
      exactBudget: plan.exactBudget,
      path: engine.selectPath(plan.select),
    });
    await scope.ready();
    for (const batch of text.batches) {
      await embedBatch(rec, decoder, text, batch, ids, ws.x);
      stream.store(rec, batch, ws.x);
    }
    const run = async (
      layer: number,
      view: ReturnType<MaskedLayer['view']>,
      keep: boolean,
    ): Promise<LayerNorms> => {
      for (const batch of text.batches) {
        stream.load(rec, batch, ws.x);
        await decoder.block(rec, ws, {
          layer,
          sequences: batch.sequences,
          length: batch.length,
          matrix: view,
          onInput: statistics.hook(rec, text, batch),
        });
        if (keep) stream.store(rec, batch, ws.y);
        meter.add(batch.rows);
      }
      return statistics.norms(rec);
    };
    const moved: Moved = [];
    let score = 0;
    for (const [layer, row] of rates.entries()) {
      const dense = await run(layer, decoder.dense(layer), false);
      const inputs = {
        statistics: Object.fromEntries(Object.entries(dense).map(([name, norms]) => [name, { norms }])),
        sequences: text.windows.lengths.length,
        tokens: text.windows.tokens,
      };
      await selector.select(rec, layer, row, inputs, pruned);
      await masked.use(rec, layer, pruned);
      const after = await run(layer, masked.view(rec), true);
      for (const { input } of model.config.matrices) {
        const [a, b] = [dense[input], after[input]];
        if (a && b) score += distance(a, b);
      }
      moved.push({ dense, pruned: after });
    }
    await rec.finish();
    return { score, moved };
  } finally {
    scope.close();
  }
}

/** ||a / sum(a) - b / sum(b)|| / C. */
function distance(a: Float32Array, b: Float32Array): number {
  const sumOf = (v: Float32Array): number => v.reduce((sum, x) => sum + x, 0) || 1;
  const [sa, sb] = [sumOf(a), sumOf(b)];
  let square = 0;
  for (let c = 0; c < a.length; c++) square += ((a[c] as number) / sa - (b[c] as number) / sb) ** 2;
  return Math.sqrt(square) / a.length;
}

/**
 * How far the input channels of the matrix that reads the outputs of this one have moved; null where the matrix that
 * reads them has another width, where nothing moved, and in the last block.
 */
function alignmentOf(
  { engine }: FactContext,
  moved: Moved,
  layer: number,
  matrix: string,
  rows: number,
): Float64Array<ArrayBuffer> | null {
  const { matrices, layers } = engine.model.config;
  if (layer === layers - 1) return null;
  const inputOf = (...names: string[]): string | undefined =>
    matrices.find((m) => names.includes(m.name))?.input;
  let reader: string | undefined;
  if (['q', 'k', 'v'].includes(matrix)) reader = inputOf('o');
  else if (matrix === 'o') reader = inputOf('gate', 'gateUp', 'up');
  else if (['gate', 'up'].includes(matrix)) reader = inputOf('down');
  // What reads the outputs of down stands in the next block, whose input a block does not change for itself.
  const before = reader === undefined ? undefined : moved[layer]?.dense[reader];
  const after = reader === undefined ? undefined : moved[layer]?.pruned[reader];
  if (!before || !after || before.length !== rows) return null;
  const out = Float64Array.from(before, (a, c) => a - (after[c] as number));
  return out.some((value) => value !== 0) ? out : null;
}
