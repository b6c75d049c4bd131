/** A comparison without an engine: rows one after another, made from the fake lab's runs and sweeps. */
import { compareEntries, isDone, type Comparison, type CompareSpec, type DoneRow } from '../core/comparison';
import type { Curve, RunReport } from '../core/report';
import { defaultSpec, type LabSpec } from '../core/spec';
import { withPairs } from '../eval/comparePairs';
import type { LabEvent } from '../session/protocol';

interface Parts {
  emit: (event: LabEvent) => void;
  sweep(spec: LabSpec): Promise<Curve>;
  run(spec: LabSpec): Promise<RunReport>;
}

export async function fakeCompare(
  job: number,
  spec: CompareSpec,
  known: Comparison | null,
  { emit, sweep, run }: Parts,
): Promise<Comparison> {
  const entries = compareEntries(spec);
  const rows: DoneRow[] = (known?.rows ?? []).filter(isDone);
  const first = await run({ ...defaultSpec(), ...spec.base });
  const soFar = (): Comparison => ({
    schema: 'prunelab.compare/1',
    id: JSON.stringify(spec.base.texts),
    version: first.version,
    spec,
    model: first.model,
    device: first.device,
    texts: first.texts,
    dense: {
      select: { perplexity: first.perplexity.dense, losses: first.perplexity.losses?.dense ?? [] },
      report: { perplexity: first.perplexity.dense, losses: first.perplexity.losses?.dense ?? [] },
    },
    rows: withPairs(spec, rows),
    warnings: [],
  });
  emit({ type: 'compared', job, comparison: soFar() });
  for (const [i, { key, pruner, allocation, sparsity }] of entries.entries()) {
    if (rows.some((row) => row.key === key)) continue;
    const stage = `Comparing ${i + 1} of ${entries.length}: ${pruner.text}, ${allocation.text}, ${sparsity}`;
    emit({ type: 'progress', job, stage, done: i / entries.length, total: 1, unit: 'fraction', tokensPerSecond: 9000, secondsLeft: 3 * (entries.length - i) }); // prettier-ignore
    const own: LabSpec = { ...defaultSpec(), ...spec.base, pruner: pruner.id, allocation: allocation.id, sparsity }; // prettier-ignore
    const curve = allocation.id === 'atp' ? await sweep(own) : null;
    const beta = curve?.best ?? 0;
    const { id, perplexity, sparsity: zeros, errors, allocation: rates } = await run({ ...own, beta });
    let best: number | null = null;
    const trials = (curve?.points ?? []).map((point, k) => {
      if (point.perplexity !== null) best = Math.min(best ?? Infinity, point.perplexity);
      return { ms: 1000 * (k + 1), perplexity: point.perplexity, best, beta: point.beta };
    });
    const counts = Object.values(zeros?.matrices ?? {});
    const figures = {
      perplexity: perplexity.pruned ?? null,
      kl: perplexity.kl ?? null,
      topOne: perplexity.topOne ?? null,
      losses: perplexity.losses?.pruned ?? [],
      ...(perplexity.bySeed && {
        bySeed: perplexity.bySeed,
        mean: perplexity.mean ?? null,
        min: perplexity.min ?? null,
        max: perplexity.max ?? null,
      }),
    };
    rows.push({
      key,
      pruner: pruner.id,
      allocation: allocation.id,
      params: {},
      sparsity,
      status: 'done',
      run: id,
      requested: sparsity,
      achieved: zeros?.achieved ?? 0,
      zeros: counts.reduce((sum, m) => sum + m.zeros, 0),
      count: counts.reduce((sum, m) => sum + m.count, 0),
      perplexity: { select: figures, report: figures },
      errors: {
        text: 'calibration',
        kind: 'exact',
        cumulative: errors?.layers.map((row) => row.cumulative) ?? [],
        dense: errors?.layers.map((row) => row.dense) ?? [],
      },
      layers: { asked: rates?.sparsity ?? [], achieved: zeros?.layers ?? [] },
      beta: allocation.id === 'atp' ? beta : null,
      ...(trials.length > 0 && { search: { by: allocation.id, trials } }),
      cost: { ms: 1000 * (trials.length + 2), searchMs: 1000 * trials.length, modelPasses: 3 * (trials.length + 1), dispatches: 900, stages: {} }, // prettier-ignore
      warnings: [],
    });
    emit({ type: 'compared', job, comparison: soFar() });
  }
  return soFar();
}
