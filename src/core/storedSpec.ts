/** Reads the spec out of a report or a spec file: every key is known and checked, nothing is guessed. */
import { z } from 'zod';
import { LabError } from './errors';
import { MAX_SEEDS, type LabSpec } from './spec';

/** Each is a whole pruning run. */
export const MAX_BETAS = 1000;

const rate = z.number().min(0).max(1);
const textName = z.string().min(1).max(500);
export const storedSpecSchema = z.strictObject({
  model: z.string().min(1).max(1000),
  pruner: z.string().max(80),
  allocation: z.string().max(80),
  sparsity: rate,
  beta: z.union([z.number(), z.literal('auto')]),
  pattern: z.string().max(20),
  set: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])),
  layerSparsity: z.union([z.array(rate), z.record(z.string(), rate)]).optional(),
  texts: z.strictObject({ calibration: textName, select: textName, report: textName }),
  samples: z.int().min(1).max(65536),
  window: z.int().min(2).nullable(),
  windows: z.int().min(1),
  seed: z.int().min(0),
  seeds: z.array(z.int().min(0)).min(1).max(MAX_SEEDS).optional(),
  errorsOn: z.enum(['calibration', 'select', 'report']),
  stats: z.enum(['exact', 'dense']),
  betas: z.array(z.number()).min(1).max(MAX_BETAS).optional(),
});

/** `value` is a whole report (its `spec` is taken) or a spec alone. SpecError names the first wrong key. */
export function parseStoredSpec(path: string, value: unknown): LabSpec {
  const isReport = typeof value === 'object' && value !== null && 'schema' in value && 'spec' in value;
  if (isReport && value.schema !== 'prunelab.run/1')
    throw new LabError(
      'SpecError',
      `${path}: schema ${JSON.stringify(value.schema)?.slice(0, 80)} is not prunelab.run/1.`,
    );
  const result = storedSpecSchema.safeParse(isReport ? value.spec : value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.').slice(0, 200) || 'the spec';
  throw new LabError(
    'SpecError',
    `${path}: ${where}: ${issue?.message.slice(0, 300) ?? 'not a spec'}.`,
    'Give a report of this lab, or its spec, unchanged.',
  );
}
