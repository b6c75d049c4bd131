/**
 * A report that comes back from a file or a store: every figure is checked before anything is drawn from it, and what
 * this version does not know is left out. The spec inside is read strictly (storedSpec.ts).
 */
import { z } from 'zod';
import { LabError } from './errors';
import type { RunReport } from './report';
import { MAX_SEEDS } from './spec';
import { parseStoredSpec } from './storedSpec';

/** What a file of an experiment holds: the report, and for an export the hashes of its files. */
export interface StoredExperiment {
  report: RunReport;
  /** SHA-256 of every file of the export, by name; null for a report alone. */
  files: Record<string, string> | null;
}

/** No published model has a tenth of these layers. */
const MAX_LAYERS = 10_000;
const MAX_POINTS = 10_000;
const MAX_WINDOWS = 1_000_000;

export const text = z.string().max(2000);
export const sha256 = z.string().max(128);
export const count = z.number().int().min(0);
export const figure = z.number().nullable();
export const rate = z.number().min(0).max(1);
export const rates = z.array(rate).max(MAX_LAYERS);
export const figures = z.array(z.number()).max(MAX_WINDOWS);
export const statsKind = z.enum(['exact', 'preview']);
export const textName = z.enum(['calibration', 'select', 'report']);
export const parameter = z.union([z.number(), z.boolean(), text]);
export const diverged = z.literal(true).optional();

export const textRecord = z.object({ source: text, sha256, windows: count, window: count, tokens: count });
export const layerErrors = z.object({
  local: figure,
  inPlace: figure,
  inherited: figure,
  cumulative: figure,
  cross: figure,
  dense: figure,
});

const share = z.number().min(0).max(1);
export const divergence = { kl: figure, topOne: share.nullable() };
export const seedRange = {
  bySeed: z
    .array(
      z.object({
        ...divergence,
        seed: count,
        calibration: sha256,
        perplexity: figure,
        diverged,
        losses: figures.optional(),
      }),
    )
    .max(MAX_SEEDS),
  mean: figure,
  min: figure,
  max: figure,
};
export const optional = <T extends z.ZodRawShape>(shape: T) => z.object(shape).partial().shape;

const work = {
  dispatches: count,
  submits: count,
  readbacks: count,
  cpuStages: count,
  flops: z.number().min(0),
  bytes: z.number().min(0),
};
const curvePoint = z.object({
  ...optional(divergence),
  ...optional(seedRange),
  beta: z.number(),
  perplexity: figure,
  diverged,
  ms: z.number().optional(),
  work: z.object(work).optional(),
  sparsity: rates,
  cumulative: z.array(z.number()).max(MAX_LAYERS).nullable(),
  losses: figures.optional(),
});

const search = z.object({
  kind: z.enum(['beta', 'bayesian', 'dsa']),
  budget: count,
  trials: z
    .array(
      z.object({
        perplexity: figure,
        ms: z.number(),
        rates,
        expression: text.optional(),
        beta: z.number().optional(),
      }),
    )
    .max(MAX_POINTS),
  best: count.nullable(),
  passes: z.number().optional(),
});

export const modelRecord = z.object({
  name: z.string().min(1).max(1000),
  architecture: text,
  layers: z.int().min(1).max(MAX_LAYERS),
  hidden: count,
  parameters: count,
  prunable: count,
  dtype: text,
  sha256,
});
export const deviceRecord = z.object({
  vendor: text,
  architecture: text,
  description: text,
  software: z.boolean(),
  features: z.array(text).max(1000),
  backend: z.enum(['chrome', 'dawn-node']),
  kernels: z.record(text, text).optional(),
});

const report = z.object({
  schema: z.literal('prunelab.run/1'),
  id: z.string().min(1).max(128),
  version: z.string().max(80).default('unknown'),
  model: modelRecord,
  device: deviceRecord,
  // A text that the command did not need is left out of its report.
  texts: z.object({
    calibration: textRecord.optional(),
    select: textRecord.optional(),
    report: textRecord.optional(),
  }),
  allocation: z
    .object({
      id: text,
      params: z.record(z.string(), parameter),
      sparsity: rates,
      matrices: z.record(z.string(), rate).optional(),
      per: z.enum(['layer', 'matrix', 'row']).optional(),
      betaMax: figure,
      clamped: count.optional(),
      nominalMean: rate.optional(),
      facts: z.record(z.string(), figures).optional(),
      fallback: text.optional(),
      search: search.optional(),
    })
    .optional(),
  sparsity: z
    .object({
      requested: rate,
      achieved: rate,
      layers: rates,
      matrices: z.record(z.string(), z.object({ zeros: count, count })),
    })
    .optional(),
  errors: z
    .object({
      text: textName,
      tokens: count,
      hidden: count,
      kind: statsKind,
      diverged,
      layers: z.array(layerErrors).max(MAX_LAYERS),
    })
    .optional(),
  perplexity: z.object({
    ...optional(divergence),
    ...optional(seedRange),
    dense: figure,
    pruned: figure.optional(),
    text: z.literal('report'),
    windows: count,
    window: count,
    diverged,
    losses: z.object({ dense: figures, pruned: figures.optional() }).optional(),
  }),
  curve: z
    .object({
      text: z.literal('select'),
      kind: statsKind,
      best: figure,
      chosenBy: z.enum(['perplexity', 'mean']).optional(),
      points: z.array(curvePoint).max(MAX_POINTS),
      ties: z.array(z.number()).max(MAX_POINTS).optional(),
    })
    .optional(),
  exported: z
    .object({ format: z.literal('gguf'), type: z.string().max(40), perplexity: figure, diverged })
    .optional(),
  solver: z
    .record(
      z.string(),
      z.object({
        damping: z.number().optional(),
        retries: count.optional(),
        iterations: count.optional(),
        relativeError: z.number().optional(),
      }),
    )
    .optional(),
  structured: z
    .object({
      heads: z.array(z.array(count)).max(MAX_LAYERS),
      channels: z.array(z.array(count)).max(MAX_LAYERS),
      parameters: z.object({ before: count, after: count }),
      bytes: z.object({ before: count, after: count }),
      config: z.record(z.string(), z.object({ before: z.number().nullable(), after: z.number() })),
    })
    .optional(),
  margin: figure.optional(),
  masks: z.record(z.string(), sha256).optional(),
  leakage: z
    .array(z.object({ pair: z.tuple([textName, textName]), share, windows: count, gram: count }))
    .max(100)
    .optional(),
  replay: z
    .object({
      of: z.string().max(128),
      sameDevice: z.boolean(),
      sameMasks: z.boolean().nullable(),
      matrices: count,
      differingMatrices: count,
      differing: share.optional(),
      byMatrix: z.record(z.string(), share).optional(),
      margin: figure,
    })
    .optional(),
  timings: z.record(z.string(), z.object({ ms: z.number(), ...optional(work) })).default({}),
  memory: z
    .object({
      predictedBytes: z.number(),
      peakBytes: z.number(),
      predictedByKind: z.record(z.string(), z.number()).optional(),
      predictedHostBytes: z.object({ streams: z.number(), kept: z.number(), solver: z.number() }).optional(),
    })
    .default({ predictedBytes: 0, peakBytes: 0 }),
  warnings: z.array(z.string().max(10_000)).max(10_000).default([]),
});

/** Fields of a report that are not read here; a test does not compile while there are any. */
export type ForgottenFields = Exclude<keyof RunReport, keyof z.infer<typeof report> | 'spec'>;

/** True for what looks like a report or an export's record, well-formed or not. */
export function isReport(value: unknown): value is { schema: unknown; spec: unknown } {
  return typeof value === 'object' && value !== null && 'schema' in value && 'spec' in value;
}

/**
 * A whole report out of an untrusted value. SpecError names the first thing that is not as it must be. `source` is the
 * file's name, for messages.
 */
export function parseStoredReport(source: string, value: unknown): StoredExperiment {
  if (!isReport(value))
    throw new LabError(
      'SpecError',
      `${source}: not a report of this lab.`,
      'Give a pruning.json, or a report that --json wrote.',
    );
  const spec = parseStoredSpec(source, value);
  const result = report.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const where = issue?.path.join('.').slice(0, 200) || 'the report';
    throw damaged(source, `${where}: ${issue?.message.slice(0, 300) ?? 'not a report'}`);
  }
  const { data } = result;
  const { layers } = data.model;
  for (const [what, list] of [
    ['allocation.sparsity', data.allocation?.sparsity],
    ['sparsity.layers', data.sparsity?.layers],
    ['errors.layers', data.errors?.layers],
    ...(data.curve?.points ?? []).flatMap(
      (p, i) =>
        [
          [`curve.points.${i}.sparsity`, p.sparsity],
          [`curve.points.${i}.cumulative`, p.cumulative ?? undefined],
        ] as const,
    ),
  ] as const) {
    if (list && list.length !== layers)
      throw damaged(source, `${what} has ${list.length} entries for ${layers} layers`);
  }
  data.curve?.points.sort((a, b) => a.beta - b.beta);
  // The type says that all texts are there; readers of a report look before they use one.
  return { report: { ...data, spec } as RunReport, files: filesOf(value) };
}

function filesOf(value: object): Record<string, string> | null {
  const found = z.record(z.string().max(1000), sha256).safeParse((value as Record<string, unknown>)['files']);
  return found.success ? found.data : null;
}

function damaged(source: string, what: string): LabError {
  return new LabError('SpecError', `${source}: ${what}.`, 'Give the file as this lab wrote it.');
}
