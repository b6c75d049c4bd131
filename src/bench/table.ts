/** Rows as text, for a terminal. */
import { counted } from '../core/words';
import type { BenchRow, PeerFigures, Ratio } from './row';

const ms = (value: number | null): string =>
  value === null ? '' : value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
const rate = (value: number | null): string => (value === null ? '' : value.toPrecision(3));

/** Share of what the roofline allows, and which roof it is: compute or memory. */
const roof = ({ roofline }: BenchRow): string =>
  roofline ? `${(100 * roofline.share).toFixed(0)} % ${roofline.bound[0] ?? ''}` : '';

export const TABLE_HEAD = `${'suite'.padEnd(9)}${'case'.padEnd(66)}${'ms'.padStart(9)}${'p10'.padStart(9)}${'p90'.padStart(9)}${'GFLOPS'.padStart(9)}${'GB/s'.padStart(9)}${'roof'.padStart(8)}  n`;

const INDENT = `\n${' '.repeat(11)}`;

function boundOf({ goal, better, met }: Ratio): string {
  if (goal === undefined) return '';
  return `, goal ${better === 'more' ? 'at least' : 'at most'} ${goal}: ${met ? 'met' : 'missed'}`;
}

/** A peer's time in units of ours, and in words where the peer is the faster one. */
function peerText(peer: PeerFigures, ratio: Ratio | undefined): string {
  const who = `${peer.name} ${peer.version}${peer.note ? ` (${peer.note})` : ''}`;
  if (peer.error !== undefined) return `${who}: ${peer.error}`;
  const spread = `${ms(peer.medianMs)} ms (${ms(peer.p10Ms ?? null)} to ${ms(peer.p90Ms ?? null)})`;
  if (!ratio) return `${who}: ${spread}`;
  const where = peer.processor ? ' on the processor' : '';
  if (ratio.value >= 1)
    return `${who}: ${spread}${where}, ${ratio.value.toPrecision(3)} times our time${boundOf(ratio)}`;
  const factor = (1 / ratio.value).toPrecision(3);
  return `${who}: ${spread}${where}, ${factor} times FASTER THAN PRUNELAB here${boundOf(ratio)}`;
}

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
  if (row.peer) {
    parts.push(`${INDENT}${peerText(row.peer, row.ratio)}`);
  } else if (row.ratio) {
    const { to, value, cpu } = row.ratio;
    const processor = cpu === undefined ? '' : ` (${cpu.toFixed(3)} in processor time)`;
    parts.push(`${INDENT}${value.toFixed(3)} of ${to}${processor}${boundOf(row.ratio)}`);
  }
  if (row.work) {
    const { dispatches, dispatchesPerLayer, submits, readbacks, cpuStages, limitMs } = row.work;
    parts.push(
      `${INDENT}${dispatches} dispatches (${dispatchesPerLayer.toFixed(1)} a layer), ${counted(submits, 'submit')}, ${counted(readbacks, 'readback')}, ${counted(cpuStages, 'CPU stage')}${limitMs === null ? '' : `; the peaks allow ${ms(limitMs)} ms`}`,
    );
  }
  if (row.families) {
    const timed = Object.entries(row.families).flatMap(([name, { share }]) =>
      share === null || share < 0.005 ? [] : [`${name} ${(100 * share).toFixed(1)} %`],
    );
    if (timed.length > 0) parts.push(`${INDENT}GPU time: ${timed.join(', ')}`);
  }
  for (const { device, ms: whole, most, bound } of row.expected ?? [])
    parts.push(`${INDENT}expected of ${device.name}: ${ms(whole)} ms, most for ${most} (${bound})`);
  if (row.parts) {
    const times = Object.entries(row.parts).map(([step, stepMs]) => `${step} ${ms(stepMs)}`);
    parts.push(`${INDENT}ms: ${times.join(', ')}`);
  }
  if (row.operations) {
    const counts = Object.entries(row.operations).map(([step, flops]) => `${step} ${flops.toExponential(2)}`);
    parts.push(`${INDENT}operations: ${counts.join(', ')}`);
  }
  if (row.error) parts.push(`  ${row.error}`);
  return parts.join('');
}
