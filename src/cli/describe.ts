/** Figures as the command line prints them for people. */
import type { Curve, RunReport } from '../core/report';

export function describePerplexity(value: number | null | undefined): string {
  if (value === undefined) return 'not measured';
  return value === null ? 'diverged' : value.toPrecision(6);
}

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;

export function describeCurve(curve: Curve): string {
  const rows = curve.points.map((p) => {
    const mark =
      p.beta === curve.best ? '  best' : curve.ties?.includes(p.beta) ? '  not told apart from the best' : '';
    return `${p.beta.toFixed(6).padStart(10)}  ${describePerplexity(p.perplexity).padStart(12)}${mark}`;
  });
  return `      beta    perplexity (select text, ${curve.kind})\n${rows.join('\n')}\n`;
}

export function describeRun(report: RunReport): string {
  const { sparsity, perplexity, allocation, errors } = report;
  const lines: string[] = [];
  if (sparsity)
    lines.push(
      `sparsity    ${percent(sparsity.achieved)} of the prunable weights are zero (asked: ${percent(sparsity.requested)})`,
    );
  if (allocation) {
    const beta = allocation.params['beta'];
    const range = `layers from ${percent(Math.min(...allocation.sparsity))} to ${percent(Math.max(...allocation.sparsity))}`;
    lines.push(`allocation  ${allocation.id}${typeof beta === 'number' ? `, beta ${beta}` : ''}, ${range}`);
  }
  lines.push(
    `perplexity  ${describePerplexity(perplexity.dense)} dense, ${describePerplexity(perplexity.pruned)} pruned (${perplexity.windows} windows of ${perplexity.window} tokens)`,
  );
  const last = errors?.layers[errors.layers.length - 1];
  if (last?.cumulative != null && last.dense)
    lines.push(
      `error       ${percent(last.cumulative / last.dense)} of the last layer's output, squared (${errors?.text} text, ${errors?.kind})`,
    );
  return `${lines.join('\n')}\n`;
}
