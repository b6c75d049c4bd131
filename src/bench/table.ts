/** Rows as text, for a terminal. */
import { counted } from '../core/words';
import type { BenchRow } from './row';

const ms = (value: number | null): string =>
  value === null ? '' : value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
const rate = (value: number | null): string => (value === null ? '' : value.toPrecision(3));

/** Share of what the roofline allows, and which roof it is: compute or memory. */
const roof = ({ roofline }: BenchRow): string =>
  roofline ? `${(100 * roofline.share).toFixed(0)} % ${roofline.bound[0] ?? ''}` : '';

export const TABLE_HEAD = `${'suite'.padEnd(9)}${'case'.padEnd(66)}${'ms'.padStart(9)}${'p10'.padStart(9)}${'p90'.padStart(9)}${'GFLOPS'.padStart(9)}${'GB/s'.padStart(9)}${'roof'.padStart(8)}  n`;

export function tableLine(row: BenchRow): string {
  const figures = [ms(row.medianMs), ms(row.p10Ms), ms(row.p90Ms), rate(row.gflops), rate(row.gbps)];
  const parts = [
    row.suite.padEnd(9),
    row.case.padEnd(66),
    ...figures.map((f) => f.padStart(9)),
    roof(row).padStart(8),
    `  ${row.reps}`,
  ];
  if (row.tokensPerSecond !== undefined) parts.push(`  ${row.tokensPerSecond.toPrecision(3)} tokens/s`);
  if (row.ratio) {
    const { to, value, cpu, goal, better, met } = row.ratio;
    const bound =
      goal === undefined
        ? ''
        : `, goal ${better === 'more' ? 'at least' : 'at most'} ${goal}: ${met ? 'met' : 'missed'}`;
    parts.push(
      `\n${' '.repeat(11)}${value.toFixed(3)} of ${to}${cpu === undefined ? '' : ` (${cpu.toFixed(3)} in processor time)`}${bound}`,
    );
  }
  if (row.work) {
    const { dispatches, dispatchesPerLayer, submits, readbacks, cpuStages, limitMs } = row.work;
    parts.push(
      `\n${' '.repeat(11)}${dispatches} dispatches (${dispatchesPerLayer.toFixed(1)} a layer), ${counted(submits, 'submit')}, ${counted(readbacks, 'readback')}, ${counted(cpuStages, 'CPU stage')}${limitMs === null ? '' : `; the peaks allow ${ms(limitMs)} ms`}`,
    );
  }
  if (row.families) {
    const timed = Object.entries(row.families).flatMap(([name, { share }]) =>
      share === null || share < 0.005 ? [] : [`${name} ${(100 * share).toFixed(1)} %`],
    );
    if (timed.length > 0) parts.push(`\n${' '.repeat(11)}GPU time: ${timed.join(', ')}`);
  }
  for (const { device, ms: whole, most, bound } of row.expected ?? [])
    parts.push(`\n${' '.repeat(11)}expected of ${device.name}: ${ms(whole)} ms, most for ${most} (${bound})`);
  if (row.parts) {
    const times = Object.entries(row.parts).map(([step, stepMs]) => `${step} ${ms(stepMs)}`);
    parts.push(`\n${' '.repeat(11)}ms: ${times.join(', ')}`);
  }
  if (row.operations) {
    const counts = Object.entries(row.operations).map(([step, flops]) => `${step} ${flops.toExponential(2)}`);
    parts.push(`\n${' '.repeat(11)}operations: ${counts.join(', ')}`);
  }
  if (row.error) parts.push(`  ${row.error}`);
  return parts.join('');
}
