/** Sizes of pruned layers and of their masked copies, from a model's shapes. */
import { DTYPE_BYTES } from '../core/dtypes';
import type { ModelPlan } from '../models/inspect';

/** A layer's masked copy may take this much; larger layers are masked matrix by matrix. */
export const LAYER_SCRATCH_BYTES = 40 << 20;

/** GPU bytes that the pruned layers of a model take: of all layers, or of one. */
export function prunedLayerBytes(plan: ModelPlan, updates: boolean): { all: number; one: number } {
  const masks = plan.prunable.reduce((sum, m) => sum + m.rows * Math.ceil(m.cols / 32) * 4, 0);
  const values = updates ? matrixBytes(plan).reduce((sum, { bytes }) => sum + bytes, 0) : 0;
  return { all: masks + values, one: (masks + values) / plan.config.layers };
}

/** GPU bytes that a MaskedLayer takes. */
export function maskedLayerBytes(plan: ModelPlan): number {
  const largest = new Map<string, number>();
  for (const { matrix, bytes } of matrixBytes(plan))
    largest.set(matrix, Math.max(bytes, largest.get(matrix) ?? 0));
  const total = [...largest.values()].reduce((a, b) => a + b, 0);
  return total <= LAYER_SCRATCH_BYTES ? total : Math.max(...largest.values());
}

/** Bytes of every prunable matrix, in its own dtype. */
export function matrixBytes({ tensors }: ModelPlan): { layer: number; matrix: string; bytes: number }[] {
  return tensors.flatMap(({ role, rows, cols, entry }) =>
    role.kind === 'matrix'
      ? [{ layer: role.layer, matrix: role.matrix, bytes: rows * cols * DTYPE_BYTES[entry.dtype] }]
      : [],
  );
}
