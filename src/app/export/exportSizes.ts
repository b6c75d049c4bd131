/** What the pruned model weighs in each format, before anything is written: the figures of the Export dialog. Pure. */
import { DTYPE_BYTES, isFloatDtype } from '../../core/dtypes';
import type { RunReport } from '../../core/report';
import {
  bandwidthSpeedUp,
  fileBytes,
  memoryBytes,
  type Groups,
  type PrunedShape,
  type StorageFormat,
} from '../../core/sparseSizes';
import { parsePattern, type LabSpec } from '../../core/spec';
import type { ModelSummary } from '../../session/protocol';
import { patternRate } from '../stores/legal';

export interface FormatSize {
  format: StorageFormat;
  /** Bytes of the weight files, headers aside; null where no file has this format. */
  disk: number | null;
  /** Bytes of all weights in memory. */
  memory: number;
  /** Speed-up at most where every byte is read once for a token: of the pruned matrices, and of the whole model. */
  limit: { matrices: number; model: number };
}

/**
 * One row for each format that can hold the model pruned like this, dense weights with zeros first. Zeros are those of
 * `report`, or as many as were asked for where there is none. `denseBytes`: the weight files as the export writes them.
 */
export function formatSizes(
  model: ModelSummary,
  spec: LabSpec,
  report: RunReport | null,
  denseBytes: number,
): FormatSize[] {
  const { dtype } = model;
  if (!isFloatDtype(dtype)) return [];
  const pattern = parsePattern(spec.pattern);
  const groups: Groups | null = pattern === 'free' ? null : pattern;
  const rate = patternRate(spec.pattern) ?? spec.sparsity;
  const shapes = model.matrices.map(({ name, rows, cols, count }): PrunedShape => {
    const zeros = report?.sparsity?.matrices[name]?.zeros ?? Math.round(rate * count);
    return { rows, cols, zeros, dtype };
  });
  const dense = model.prunable * DTYPE_BYTES[dtype];
  const rest = denseBytes - dense;
  // The files of GPT-2 hold [inputs, outputs], and 2:4 files have no place for that.
  const turned = /^gpt2/i.test(model.architecture);
  const files = turned ? shapes.map((s) => ({ ...s, rows: s.cols, cols: s.rows })) : shapes;
  const rows: FormatSize[] = [];
  for (const format of ['zeros', 'bitmask', 'csr', 'km'] as const) {
    const memory = total(shapes.map((shape) => memoryBytes(format, shape, groups)));
    if (memory === null) continue;
    const disk =
      turned && format === 'km' ? null : total(files.map((shape) => fileBytes(format, shape, groups)));
    rows.push({
      format,
      disk: disk === null ? null : disk + rest,
      memory: memory + rest,
      limit: {
        matrices: bandwidthSpeedUp(dense, memory),
        model: bandwidthSpeedUp(dense, memory, rest),
      },
    });
  }
  return rows;
}

/** null where one of them is. */
function total(parts: readonly (number | null)[]): number | null {
  return parts.reduce<number | null>((sum, n) => (sum === null || n === null ? null : sum + n), 0);
}
