/** A comparison that comes back from a file or a store: checked before a row of it is used again or drawn. */
import { z } from 'zod';
import { MAX_ENTRIES, type Comparison } from './comparison';
import { LabError } from './errors';
import {
  count,
  deviceRecord,
  diverged,
  divergence,
  figure,
  figures,
  modelRecord,
  optional,
  parameter,
  rate,
  rates,
  seedRange,
  statsKind,
  text,
  textName,
  textRecord,
} from './storedReport';
import { storedSpecSchema } from './storedSpec';

const methods = z.array(z.string().max(300)).max(MAX_ENTRIES);
const ms = z.number().min(0);
const interval = z
  .object({ ratio: z.number(), low: figure, high: figure, windows: count, distinguishable: z.boolean() })
  .nullable();
const rowFigures = z.object({
  ...divergence,
  ...optional(seedRange),
  perplexity: figure,
  diverged,
  losses: figures,
});
const layerFigures = z.array(figure).max(10_000);
const head = {
  key: z.string().max(1000),
  pruner: text,
  allocation: text,
  params: z.record(z.string(), parameter),
  sparsity: rate,
};
const done = z.object({
  ...head,
  status: z.literal('done'),
  run: z.string().max(128),
  requested: rate,
  achieved: rate,
  zeros: count,
  count,
  perplexity: z.object({ select: rowFigures, report: rowFigures }),
  errors: z.object({ text: textName, kind: statsKind, cumulative: layerFigures, dense: layerFigures }),
  layers: z.object({ asked: rates, achieved: rates }),
  beta: figure,
  fallback: text.optional(),
  search: z
    .object({
      by: text,
      trials: z
        .array(z.object({ ms, perplexity: figure, best: figure, beta: z.number().optional() }))
        .max(100_000),
    })
    .optional(),
  cost: z.object({
    ms,
    searchMs: ms,
    modelPasses: z.number().min(0),
    dispatches: count,
    stages: z.record(z.string(), ms),
  }),
  paired: z.object({ against: z.string().max(1000), select: interval, report: interval }).optional(),
  warnings: z.array(z.string().max(10_000)).max(10_000),
});
const undone = z.object({
  ...head,
  status: z.enum(['failed', 'skipped']),
  error: z.object({ kind: text, message: z.string().max(10_000), remedy: text.optional() }),
});
const denseText = z.object({ perplexity: figure, losses: figures });
const comparison = z.object({
  schema: z.literal('prunelab.compare/1'),
  id: z.string().min(1).max(128),
  version: z.string().max(80),
  spec: z.object({
    base: storedSpecSchema.omit({ pruner: true, allocation: true, sparsity: true, beta: true }),
    pruners: methods,
    allocations: methods,
    sparsities: z.array(rate).max(MAX_ENTRIES),
    axes: z.boolean(),
  }),
  model: modelRecord,
  device: deviceRecord,
  texts: z.object({ calibration: textRecord, select: textRecord, report: textRecord }),
  dense: z.object({ select: denseText, report: denseText }),
  rows: z.array(z.discriminatedUnion('status', [done, undone])).max(MAX_ENTRIES),
  warnings: z.array(z.string().max(10_000)).max(10_000),
});

/** SpecError names the first thing that is not as it must be. `source` is the file's name, for messages. */
export function parseStoredComparison(source: string, value: unknown): Comparison {
  const result = comparison.safeParse(value);
  if (result.success) {
    const { layers } = result.data.model;
    const wrong = result.data.rows.find(
      (row) => row.status === 'done' && row.layers.achieved.length !== layers,
    );
    if (!wrong) return result.data as Comparison;
    throw damaged(source, `the row ${wrong.key} is not of ${layers} layers`);
  }
  const issue = result.error.issues[0];
  const where = issue?.path.join('.').slice(0, 200) || 'the comparison';
  throw damaged(source, `${where}: ${issue?.message.slice(0, 300) ?? 'not a comparison'}`);
}

function damaged(source: string, what: string): LabError {
  return new LabError('SpecError', `${source}: ${what}.`, 'Give a comparison as this lab wrote it.');
}
