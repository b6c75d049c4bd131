/** Measured speed as a table for people. */
import { FORMAT_WORDS, type SpeedRecord, type SpeedRow } from '../core/speed';

const rate = (n: number): string => n.toFixed(n >= 100 ? 0 : 1);
const megabytes = (bytes: number | null): string => (bytes === null ? '-' : (bytes / 1e6).toFixed(2));

export function describeSpeed(record: SpeedRecord): string {
  const head = ['format', 'tokens/s', 'quartiles', 'prompt', 'MB', 'MB file', 'x', 'kernels x', 'bytes x', 'same tokens']; // prettier-ignore
  const lines = (rows: readonly SpeedRow[]): string[][] =>
    rows.map((row) => [
      FORMAT_WORDS[row.format],
      rate(row.decode.median),
      `${rate(row.decode.low)}-${rate(row.decode.high)}`,
      rate(row.prefill.median),
      megabytes(row.memoryBytes),
      megabytes(row.fileBytes),
      row.speedUp.toFixed(2),
      row.kernelSpeedUp.toFixed(2),
      row.limit.toFixed(2),
      row.sameTokens ? `${row.sameTokens.same}/${row.sameTokens.of}` : '-',
    ]);
  const { promptTokens, tokens, reps, warmup } = record.protocol;
  let out = `${record.model.name}: ${promptTokens} prompt tokens, ${tokens} decoded, ${reps} runs after ${warmup}\n`;
  for (const variant of record.variants) {
    const table = [head, ...lines([record.dense, ...variant.rows])];
    const widths = head.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)));
    out += `\n${variant.name}, ${(100 * variant.sparsity).toFixed(1)} % zeros\n`;
    for (const row of table)
      out += `${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}\n`;
    for (const { format, why } of variant.missing) out += `${FORMAT_WORDS[format]}: ${why}\n`;
  }
  return `${out}\n${record.verdict.map((line) => `${line}\n`).join('')}`;
}
