/** How near a measured time is to what the device allows: Williams, Waterman and Patterson (2009), the roofline. */
import type { BenchRow, Roofline, Work } from './row';

/** What the device reached with kernels that do nothing else. */
export interface Peaks {
  gflops: number;
  gbps: number;
}

/** Milliseconds below which this work cannot take, and what bounds it; null without counts. */
export function limitOf(
  { gflops, gbps }: Peaks,
  { flops, bytes }: Pick<Work, 'flops' | 'bytes'>,
): { ms: number; bound: Roofline['bound'] } | null {
  const computeMs = (flops ?? 0) / (gflops * 1e6);
  const memoryMs = (bytes ?? 0) / (gbps * 1e6);
  const ms = Math.max(computeMs, memoryMs);
  return ms > 0 ? { ms, bound: computeMs >= memoryMs ? 'compute' : 'memory' } : null;
}

/** The row with its place under the roofline; unchanged where it counts neither flops nor bytes. */
export function withRoofline(row: BenchRow, peaks: Peaks): BenchRow {
  const limit = limitOf(peaks, row);
  if (!limit || row.medianMs === null) return row;
  const roofline: Roofline = {
    peakGflops: peaks.gflops,
    peakGbps: peaks.gbps,
    bound: limit.bound,
    share: limit.ms / row.medianMs,
  };
  return { ...row, roofline };
}
