/** What can be said of a model from its config and headers, whether the lab opens it or not. */
import type { OpenedModel } from './hfModel';
import { elementCount } from './safetensors';

export interface ModelOutline {
  /** As the config names it. */
  architecture: string | null;
  /** Elements of all tensors. */
  elements: number;
  /** Elements by type in the files, the most frequent first. */
  dtypes: Record<string, number>;
}

export function outline(opened: OpenedModel): ModelOutline {
  const { architectures, model_type: modelType } = opened.config;
  const named: unknown = Array.isArray(architectures) ? architectures[0] : modelType;
  const counts = new Map<string, number>();
  let elements = 0;
  for (const tensor of opened.tensors.values()) {
    const type = tensor.stored?.type ?? tensor.dtype;
    const count = elementCount(tensor.shape) ?? 0;
    counts.set(type, (counts.get(type) ?? 0) + count);
    elements += count;
  }
  return {
    architecture: typeof named === 'string' ? named : null,
    elements,
    dtypes: Object.fromEntries([...counts].sort((a, b) => b[1] - a[1])),
  };
}
