/** A comparison as a table for people. */
import {
  isDone,
  lastError,
  type Comparison,
  type ComparisonRow,
  type PairedInterval,
} from '../core/comparison';
import { counted, deviceName } from '../core/words';
import { hasSeeds, methodsOf } from '../formats/compareTable';
import { describePerplexity } from './describe';

const percent = (x: number, digits = 2): string => `${(100 * x).toFixed(digits)} %`;
const change = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${(100 * (ratio - 1)).toFixed(1)}`;

function interval(paired: PairedInterval | null | undefined): string {
  if (!paired) return '';
  const bounds =
    paired.low === null || paired.high === null ? '' : ` [${change(paired.low)}, ${change(paired.high)}]`;
  return `${change(paired.ratio)} %${bounds}`;
}

export function describeComparison(comparison: Comparison): string {
  const { texts, dense, model, device } = comparison;
  const seeds = hasSeeds(comparison);
  const head = [
    'pruner',
    'allocation',
    'S',
    'beta',
    'select',
    'report',
    ...(seeds ? ['mean over seeds'] : []),
    'against the first',
    'KL',
    'error',
    'seconds',
    'passes',
    'zeros',
  ];
  const rows = comparison.rows.map((row) => cells(row, seeds));
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${model.name} on ${deviceName(device)}: dense perplexity ${describePerplexity(dense.select.perplexity)} (select), ${describePerplexity(dense.report.perplexity)} (report, ${counted(texts.report.windows, 'window')} of ${texts.report.window} tokens)`,
    ...lines,
    '',
  ].join('\n');
}

function cells(row: ComparisonRow, seeds: boolean): string[] {
  const { pruner, allocation } = methodsOf(row);
  const head = [pruner, allocation, String(row.sparsity)];
  if (!isDone(row)) return [...head, '', row.status];
  const { select, report } = row.perplexity;
  const error = lastError(row);
  return [
    ...head,
    row.beta === null ? '' : row.beta.toFixed(5),
    describePerplexity(select.perplexity),
    describePerplexity(report.perplexity),
    ...(seeds ? [report.bySeed ? describePerplexity(report.mean) : ''] : []),
    interval(row.paired?.report),
    report.kl === null ? '' : report.kl.toPrecision(4),
    error === null ? 'diverged' : percent(error),
    (row.cost.ms / 1000).toFixed(1),
    row.cost.modelPasses.toFixed(1),
    `${row.zeros} (${percent(row.achieved, 3)})`,
  ];
}
