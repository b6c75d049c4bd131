/**
 * What is left of a model when groups are really removed: shapes, kept lines of every tensor, numbers of the config. The
 * classes of transformers know one size for all layers, so that every layer must lose as many heads and channels.
 */
import { LabError } from '../../core/errors';
import type { StructuredRecord } from '../../core/report';
import type { ModelPlan, PlannedTensor } from '../../models/inspect';
import { groupFamilies, removedLines } from './groups';

/** Groups that go, ascending, by layer. */
export interface RemovedGroups {
  heads: number[][];
  channels: number[][];
}

export interface SmallerTensor {
  tensor: PlannedTensor;
  /** Outputs and inputs that stay, null for all; of a bias its entries are the inputs. */
  rows: number[] | null;
  cols: number[] | null;
}

export interface SmallerModel {
  /** The tensors that change, by name. */
  tensors: Map<string, SmallerTensor>;
  /** Shapes of these in the file's layout. */
  shapes: Map<string, number[]>;
  config: StructuredRecord['config'];
  parameters: { before: number; after: number };
}

const REMEDY = 'Use --set shrink=false: zeros in place of the removed parts work in every model.';

/** SpecError where transformers could not open what would be left. */
export function smallerModel(plan: ModelPlan, removed: RemovedGroups): SmallerModel {
  const { config, arch } = plan;
  const heads = sameCount('key/value heads', removed.heads, config.kvHeads);
  const channels = sameCount('MLP channels', removed.channels, config.inner);
  const numbers: Record<string, number> = {};
  if (heads > 0) {
    const kvHeads = config.kvHeads - heads;
    const left = (config.heads / config.kvHeads) * kvHeads;
    const unfit = arch.smaller.heads(config, left);
    if (unfit !== null)
      throw new LabError(
        'SpecError',
        `No smaller model with ${left} of ${config.heads} heads can be written: ${unfit}.`,
        'Use --set heads=false to remove MLP channels only, another sparsity, or --set shrink=false.',
      );
    Object.assign(numbers, {
      num_attention_heads: left,
      num_key_value_heads: kvHeads,
      head_dim: config.headDim,
    });
  }
  if (channels > 0) numbers[arch.smaller.inner] = config.inner - channels;

  const tensors = new Map<string, SmallerTensor>();
  for (const tensor of plan.tensors) {
    const { role } = tensor;
    if (role.kind !== 'matrix' && role.kind !== 'bias') continue;
    const kept = keptLines(plan, removed, role.layer, role.matrix);
    const smaller = role.kind === 'matrix' ? { tensor, ...kept } : { tensor, rows: null, cols: kept.rows };
    if (smaller.rows ?? smaller.cols) tensors.set(tensor.entry.name, smaller);
  }
  const after = plan.tensors.reduce((sum, t) => {
    const [rows, cols] = sizes(tensors.get(t.entry.name) ?? { tensor: t, rows: null, cols: null });
    return sum + rows * cols;
  }, 0);
  const before = plan.opened.config;
  const numberOf = (key: string): number | null => {
    const value = Object.hasOwn(before, key) ? before[key] : null;
    return typeof value === 'number' ? value : null;
  };
  return {
    tensors,
    shapes: new Map([...tensors].map(([name, t]) => [name, fileShape(t)])),
    config: Object.fromEntries(
      Object.entries(numbers).map(([key, value]) => [key, { before: numberOf(key), after: value }]),
    ),
    parameters: { before: plan.parameters, after },
  };
}

/** Groups that every layer loses. */
function sameCount(what: string, layers: readonly number[][], all: number): number {
  const counts = layers.map((groups) => groups.length);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  if (low !== high)
    throw new LabError(
      'SpecError',
      `Layers lose from ${low} to ${high} ${what}; in a smaller model all layers must lose as many, since its config knows one size for all.`,
      `Use --allocation uniform over all layers. ${REMEDY}`,
    );
  if (high >= all)
    throw new LabError('SpecError', `All ${all} ${what} would go; a model needs one.`, 'Lower the sparsity.');
  return high;
}

function keptLines(
  plan: ModelPlan,
  removed: RemovedGroups,
  layer: number,
  matrix: string,
): { rows: number[] | null; cols: number[] | null } {
  const spec = plan.config.matrices.find((m) => m.name === matrix);
  const gone = { rows: new Set<number>(), cols: new Set<number>() };
  for (const family of groupFamilies(plan.config))
    for (const member of removedLines(family, removed[family.kind][layer] ?? []))
      if (member.matrix === matrix) for (const line of member.lines) gone[member.axis].add(line);
  const kept = (axis: 'rows' | 'cols'): number[] | null =>
    gone[axis].size === 0
      ? null
      : Array.from({ length: spec?.[axis] ?? 0 }, (_, i) => i).filter((line) => !gone[axis].has(line));
  return { rows: kept('rows'), cols: kept('cols') };
}

/** Outputs and inputs that stay. */
function sizes({ tensor, rows, cols }: SmallerTensor): [rows: number, cols: number] {
  return [rows?.length ?? tensor.rows, cols?.length ?? tensor.cols];
}

function fileShape(smaller: SmallerTensor): number[] {
  const [rows, cols] = sizes(smaller);
  if (smaller.tensor.entry.shape.length === 1) return [cols];
  return smaller.tensor.transposed ? [cols, rows] : [rows, cols];
}
