/**
 * Which kernels this adapter takes for a model's shapes: known from an earlier visit, or measured before the model is
 * loaded, never during a run. Software adapters keep the engine's own choice unless they are asked to measure.
 */
import type { FloatDtype } from '../core/dtypes';
import { isCancelled, LabError } from '../core/errors';
import { ENGINE_VERSION } from '../core/version';
import type { HubStorage } from '../formats/hubStorage';
import type { GpuContext } from '../gpu/context';
import type { DecoderConfig } from '../models/archs/define';
import { measure, type TuningResult } from '../ops/tuning/measure';
import { readTable, writeTable, type TunedKernels } from '../ops/tuning/table';
import { attentionTrial, matmulTrial, type Trial } from '../ops/tuning/trials';
import { runSelfTest } from './selfTest';

const PATH = 'kernels.json';
const BUDGET_MS = { hardware: 300, software: 20_000 };
/** Rows of the products that are measured: a batch of a pass, and a short text. */
const ROWS = { hardware: [1024, 128], software: [256] };
/** Rows of the head in one product at most. */
const HEAD_ROWS = 4096;

export type KernelStore = Pick<HubStorage, 'read' | 'write'>;

/** The shapes that decide a model's speed. */
export interface ModelShapes extends Pick<
  DecoderConfig,
  'heads' | 'kvHeads' | 'headDim' | 'hidden' | 'vocabulary' | 'context'
> {
  matrices: readonly { rows: number; cols: number }[];
}

function trialsOf(ctx: GpuContext, config: ModelShapes, dtype: FloatDtype): Trial[] {
  const { software } = ctx.record;
  const { heads, kvHeads, headDim } = config;
  const head = { rows: Math.min(HEAD_ROWS, config.vocabulary), cols: config.hidden };
  const products = (software ? ROWS.software : ROWS.hardware).flatMap((m) =>
    [...config.matrices, head].map(({ rows, cols }) => matmulTrial(ctx, { m, n: rows, k: cols, dtype })),
  );
  const length = Math.min(256, config.context);
  const sequences = software ? 1 : 4;
  const all = [attentionTrial(ctx, { sequences, length, heads, kvHeads, headDim }), ...products];
  return all.filter((trial, i) => all.findIndex(({ key }) => key === trial.key) === i);
}

/** What was decided on each device: a class is measured once in a session, with or without a store. */
const decided = new WeakMap<GpuContext, TunedKernels>();

/** A store that cannot be read or written costs a measurement, not the visit. */
async function quietly<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (cause) {
    if (isCancelled(LabError.from(cause))) throw cause;
    return null;
  }
}

export interface TuneOptions {
  signal?: AbortSignal;
  /** Measure on a software adapter as well; what it finds holds for this process. */
  force?: boolean;
}

/**
 * Decides the classes of `config` that are not decided yet, puts them in force in place of another model's, and returns
 * what was measured for it. The kernels join ctx.record, and so every report.
 */
export async function tuneKernels(
  ctx: GpuContext,
  config: ModelShapes,
  dtype: FloatDtype,
  openStore: (() => Promise<KernelStore | null>) | undefined,
  { signal, force = false }: TuneOptions = {},
): Promise<TuningResult[]> {
  const { software } = ctx.record;
  if (software && !force) return [];
  const store = software ? null : await quietly(async () => (await openStore?.()) ?? null);
  const table = readTable(await quietly(async () => (await store?.read(PATH)) ?? null), ENGINE_VERSION);
  const known = decided.get(ctx) ?? table.adapters[ctx.adapterKey];
  for (const id of known?.disabled ?? []) ctx.disabled.add(id);
  // The engine's own order is what measured kernels must beat.
  ctx.tuned.clear();
  const choices = { ...known?.choices };
  // What is wrong here must not win.
  if (!known) await runSelfTest(ctx, undefined, { ops: ['matmul', 'attention'] });
  const trials = trialsOf(ctx, config, dtype);
  const open = trials.filter(({ key }) => choices[key] === undefined);
  const budgetMs = software ? BUDGET_MS.software : BUDGET_MS.hardware;
  const results = await measure(ctx, open, { budgetMs, signal });
  for (const { key, chosen } of results) choices[key] = chosen;
  for (const { key } of trials) ctx.tuned.set(key, choices[key] ?? '');
  ctx.record.kernels = Object.fromEntries([...ctx.tuned].sort(([a], [b]) => (a < b ? -1 : 1)));
  const entry = { choices, disabled: [...ctx.disabled] };
  decided.set(ctx, entry);
  if (store && results.length > 0) {
    table.adapters[ctx.adapterKey] = entry;
    await quietly(() => store.write(PATH, writeTable(table)));
  }
  return results;
}
