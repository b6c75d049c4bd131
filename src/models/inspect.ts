/**
 * Checks a model's files against its config before any GPU memory is asked for: every tensor that the architecture
 * needs is there, in the right shape and a float type.
 */
import { isFloatDtype, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { OpenedModel } from '../formats/hfModel';
import type { TensorEntry } from '../formats/safetensors';
import { decodedBytes } from '../formats/tensorBytes';
import {
  inLayer,
  NORM_SLOTS,
  type Architecture,
  type DecoderConfig,
  type MatrixPart,
  type NormSlot,
} from './archs/define';
import { readConfig } from './archs';

/** Vectors come in two: a norm's weight and, where it has one, its bias. */
export type Role =
  | { kind: 'embedding' }
  | { kind: 'positions' }
  | { kind: 'head' }
  | { kind: 'finalNorm'; bias: boolean }
  | { kind: 'norm'; layer: number; slot: NormSlot; bias: boolean }
  | { kind: 'matrix'; layer: number; matrix: string }
  | { kind: 'bias'; layer: number; matrix: string };

export interface PlannedTensor {
  role: Role;
  entry: TensorEntry & { dtype: FloatDtype };
  /** Outputs and inputs; 1 and the length of a vector. */
  rows: number;
  cols: number;
  /** The file holds [cols, rows]. */
  transposed: boolean;
}

export interface PrunableMatrix {
  /** Tensor name in the file, the key of the report. */
  name: string;
  layer: number;
  matrix: string;
  rows: number;
  cols: number;
  count: number;
  transposed: boolean;
  /** What a fused matrix is made of. */
  parts?: MatrixPart[];
}

export interface ModelPlan {
  opened: OpenedModel;
  arch: Architecture;
  config: DecoderConfig;
  tensors: PlannedTensor[];
  /** In layer order, inside a layer in declaration order. */
  prunable: PrunableMatrix[];
  prunablePerLayer: number[];
  parameters: number;
  /** Bytes of GPU memory that the weights take. */
  weightBytes: number;
  /** The dtype of most weights. */
  dtype: FloatDtype;
  warnings: string[];
}

/** ModelError for what the lab does not support, FormatError for what the files get wrong. */
export function planModel(opened: OpenedModel): ModelPlan {
  const { arch, decoder } = readConfig(opened.config);
  const prefix = findPrefix(opened, arch);
  const used = new Set<string>();
  const tensors: PlannedTensor[] = [];
  const take = (role: Role, name: string, shape: number[], transposed = false): void => {
    tensors.push(takeTensor(opened, role, name, shape, transposed));
    used.add(name);
  };
  const takeNorm = (role: Extract<Role, { bias: boolean }>, stem: string, length: number): void => {
    take(role, `${stem}.weight`, [length]);
    if (decoder.norm.bias) take({ ...role, bias: true }, `${stem}.bias`, [length]);
  };

  const { hidden, vocabulary, positions } = decoder;
  take({ kind: 'embedding' }, prefix + arch.embedding, [vocabulary, hidden]);
  if (positions && arch.positions !== undefined)
    take({ kind: 'positions' }, prefix + arch.positions, [positions.rows, hidden]);
  takeNorm({ kind: 'finalNorm', bias: false }, prefix + arch.finalNorm, hidden);
  const head = arch.heads.find((name) => opened.tensors.has(name)) ?? arch.heads[0] ?? '';
  if (!decoder.tiedHead) take({ kind: 'head' }, head, [vocabulary, hidden]);
  const prunable: PrunableMatrix[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    for (const slot of NORM_SLOTS) {
      const [length, stem] = [decoder.norms[slot], arch.norms[slot]];
      if (length !== undefined && stem !== undefined)
        takeNorm({ kind: 'norm', layer, slot, bias: false }, prefix + inLayer(stem, layer), length);
    }
    for (const { name: matrix, stem: template, rows, cols, bias, transposed, parts } of decoder.matrices) {
      const stem = prefix + inLayer(template, layer);
      const name = `${stem}.weight`;
      take({ kind: 'matrix', layer, matrix }, name, [rows, cols], transposed);
      prunable.push({
        name,
        layer,
        matrix,
        rows,
        cols,
        count: rows * cols,
        transposed,
        ...(parts ? { parts } : {}),
      });
      if (bias) take({ kind: 'bias', layer, matrix }, `${stem}.bias`, [rows]);
      else if (opened.tensors.has(`${stem}.bias`)) {
        throw new LabError(
          'ModelError',
          `${opened.name}: ${stem}.bias is stored, but the config says that there is no bias.`,
          'Correct the config: its biases do not belong to these weights.',
        );
      }
    }
  }

  const warnings = [...opened.warnings, ...decoder.notes];
  const unknown = [...opened.tensors.keys()].filter((name) => !used.has(name) && !arch.ignorable.test(name));
  if (decoder.tiedHead && opened.tensors.has(head)) {
    warnings.push(
      `${head} is stored although the config ties it to the embedding; the embedding is used, as transformers does.`,
    );
  }
  const left = unknown.filter((name) => !arch.heads.includes(name));
  if (left.length > 0) {
    warnings.push(
      `${left.length} tensors are not part of ${decoder.architecture} and were left alone: ${left.slice(0, 5).join(', ')}${left.length > 5 ? ', …' : ''}.`,
    );
  }
  return {
    opened,
    arch,
    config: decoder,
    tensors,
    prunable,
    prunablePerLayer: Array.from({ length: decoder.layers }, (_, i) =>
      prunable.reduce((sum, m) => sum + (m.layer === i ? m.count : 0), 0),
    ),
    parameters: tensors.reduce((sum, t) => sum + t.rows * t.cols, 0),
    weightBytes: tensors.reduce((sum, t) => sum + (t.rows === 1 ? 4 * t.cols : decodedBytes(t.entry)), 0),
    dtype: mainDtype(tensors),
    warnings,
  };
}

/** The prefix under which the file holds the embedding; the usual one where none does, so that messages name it. */
function findPrefix(opened: OpenedModel, arch: Architecture): string {
  const found = arch.prefixes.find((prefix) => opened.tensors.has(prefix + arch.embedding));
  return found ?? arch.prefixes[0] ?? '';
}

/** `shape` is [outputs, inputs]; the file's is turned round where `transposed`. */
function takeTensor(
  opened: OpenedModel,
  role: Role,
  name: string,
  shape: number[],
  transposed: boolean,
): PlannedTensor {
  const entry = opened.tensors.get(name);
  if (!entry) {
    throw new LabError(
      'FormatError',
      `${opened.name}: tensor ${name} is missing; config.json says that it must be there.`,
      'Check that all weight files were given and belong to this config.',
    );
  }
  const stored = transposed ? shape.toReversed() : shape;
  if (entry.shape.length !== stored.length || entry.shape.some((n, i) => n !== stored[i])) {
    throw new LabError(
      'FormatError',
      `${opened.name}: tensor ${name} has shape [${entry.shape.join(', ')}]; config.json asks for [${stored.join(', ')}].`,
      'The config and the weights do not belong together.',
    );
  }
  const { dtype } = entry;
  if (!isFloatDtype(dtype)) {
    throw new LabError(
      'ModelError',
      `${opened.name}: tensor ${name} is ${dtype}; the lab reads F32, F16 and BF16 weights.`,
      'Use the unquantised model, or convert it.',
    );
  }
  const [rows, cols] = shape.length === 1 ? [1, shape[0] ?? 0] : [shape[0] ?? 0, shape[1] ?? 0];
  return { role, entry: { ...entry, dtype }, rows, cols, transposed };
}

function mainDtype(tensors: PlannedTensor[]): FloatDtype {
  const bytes = new Map<FloatDtype, number>();
  for (const t of tensors) bytes.set(t.entry.dtype, (bytes.get(t.entry.dtype) ?? 0) + t.rows * t.cols);
  return [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'F32';
}
