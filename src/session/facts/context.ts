/** What measuring a fact needs, and the two things that most facts are made of: dense norms and dense weights. */
import { toF32 } from '../../core/dtypes';
import type { SearchRecord } from '../../core/report';
import type { Recorder } from '../../gpu/recorder';
import type { LayerNorms } from '../../models/inputStatistics';
import type { Workspace } from '../../models/decoder';
import type { DenseStream } from '../../models/streams';
import { matrixOf } from '../../models/load';
import { readWeight } from '../../pruning/readWeight';
import type { Pace } from '../../pruning/pruners/define';
import type { Engine, Meter } from '../engine';
import type { RunPlan } from '../plan';
import type { ResolvedText } from '../texts';

export interface FactContext {
  engine: Engine;
  plan: RunPlan;
  rec: Recorder;
  meter: Meter;
  pace: Pace;
  calibration: ResolvedText;
  /** What searches measure. */
  select: ResolvedText;
  /** Hears of a search after each trial. */
  onTrial?: (search: SearchRecord) => void;
}

/** A fact, and what is to be said about how it was found. */
export interface Found<T> {
  value: T;
  warnings?: string[];
  search?: SearchRecord;
}

/** Runs `work` with the dense outputs and input norms of every layer on the calibration text. */
export async function withDense<T>(
  { engine, rec, meter, calibration }: FactContext,
  work: (stream: DenseStream, ws: Workspace) => Promise<T>,
): Promise<T> {
  const entry = engine.dense(rec, calibration);
  entry.users += 1;
  const scope = engine.ctx.root.child();
  try {
    const { stream } = entry;
    const ws = engine.workspace(scope, [stream.text]);
    await scope.ready();
    const { layers } = engine.model.config;
    meter.total(stream.text.windows.tokens * (layers - Math.max(0, stream.filled + 1)));
    await stream.ensure(rec, ws, layers - 1, (tokens) => meter.add(tokens));
    const result = await work(stream, ws);
    // The workspace is freed below: what uses it must be on its way.
    rec.flush();
    return result;
  } finally {
    entry.users -= 1;
    scope.close();
  }
}

/** What is to be said of facts where the dense model's inputs, by layer, are not finite. */
export function divergedWarnings(norms: readonly LayerNorms[]): string[] {
  const layer = norms.findIndex((inputs) => Object.values(inputs).some((n) => !n.every(Number.isFinite)));
  if (layer < 0) return [];
  return [
    `The dense model's activations are not finite from layer ${layer + 1} on: rates that follow from them mean nothing.`,
  ];
}

/** Dense input norms of every layer on the calibration text. */
export function denseNorms(context: FactContext): Promise<readonly LayerNorms[]> {
  return withDense(context, ({ norms }) => Promise.resolve(norms));
}

/** Matrix `k` of the model's prunable ones: its dense weights, [rows, cols]. */
export async function weightsOf({ engine, rec, pace }: FactContext, k: number): Promise<Float32Array> {
  const m = engine.model.plan.prunable[k];
  if (!m) throw new Error(`there is no matrix ${k}`);
  const weight = matrixOf(engine.model, m.layer, m.matrix);
  await pace.breathe();
  return toF32(await readWeight(rec, weight), weight.dtype);
}

/** |W| of matrix `k`, times the norms of its inputs where there are some; f32 as in the pruners. */
export async function scoresOf(
  context: FactContext,
  k: number,
  norms: readonly LayerNorms[] | null,
): Promise<Float32Array> {
  const { config, plan } = context.engine.model;
  const m = plan.prunable[k];
  const input = config.matrices.find(({ name }) => name === m?.matrix)?.input ?? '';
  const scores = await weightsOf(context, k);
  const norm = m && norms?.[m.layer]?.[input];
  if (norms && !norm) throw new Error(`there are no norms of the input ${input}`);
  for (let i = 0; i < scores.length; i++) {
    const size = Math.abs(scores[i] as number);
    scores[i] = norm ? size * (norm[i % norm.length] as number) : size;
  }
  return scores;
}
