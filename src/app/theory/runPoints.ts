/** Past runs of a model as points of error against perplexity. */
import type { RunReport } from '../../core/report';
import type { ProxyPoint } from '../../core/theory';

/** Runs of other models, or without errors or perplexity, are left out; each point has a name of its own. */
export function runPoints(reports: readonly RunReport[], sha256: string): ProxyPoint[] {
  return reports.flatMap((report, i) => {
    const { model, errors, perplexity, sparsity, spec } = report;
    if (model.sha256 !== sha256 || !errors || perplexity.pruned === undefined || !sparsity) return [];
    const { allocation, beta } = spec;
    const cumulative = errors.layers.map((layer) => layer.cumulative);
    const shares = errors.layers.map(({ cumulative: error, dense }) =>
      error === null || !dense ? null : error / dense,
    );
    return [
      {
        name: `run ${i + 1}: ${spec.pruner}, ${allocation}`,
        source: 'run' as const,
        sparsity: sparsity.achieved,
        beta: allocation === 'atp' && typeof beta === 'number' ? beta : null,
        perplexity: perplexity.pruned,
        last: cumulative.at(-1) ?? null,
        summed: sum(cumulative),
        relative: sum(shares),
      },
    ];
  });
}

function sum(values: readonly (number | null)[]): number | null {
  let total = 0;
  for (const value of values) {
    if (value === null) return null;
    total += value;
  }
  return total;
}
