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
  hasBias,
  MATRICES,
  matrixShape,
  type Architecture,
  type DecoderConfig,
  type MatrixName,
} from './archs/define';
import { readConfig } from './archs';

export type Role =
  | { kind: 'embedding' }
  | { kind: 'head' }
  | { kind: 'finalNorm' }
  | { kind: 'norm'; layer: number; which: 'input' | 'post' }
  | { kind: 'matrix'; layer: number; matrix: MatrixName }
  | { kind: 'bias'; layer: number; matrix: MatrixName };

export interface PlannedTensor {
  role: Role;
  entry: TensorEntry & { dtype: FloatDtype };
  rows: number;
  cols: number;
}

export interface PrunableMatrix {
  /** Tensor name in the file, the key of the report. */
  name: string;
  layer: number;
  matrix: MatrixName;
  rows: number;
  cols: number;
  count: number;
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
  const prefix =
    opened.tensors.has(`model.${arch.embedding}`) || !opened.tensors.has(arch.embedding) ? 'model.' : '';
  const used = new Set<string>();
  const tensors: PlannedTensor[] = [];
  const take = (role: Role, name: string, shape: number[]): PlannedTensor => {
    const planned = takeTensor(opened, role, name, shape);
    used.add(name);
    tensors.push(planned);
    return planned;
  };

  take({ kind: 'embedding' }, prefix + arch.embedding, [decoder.vocabulary, decoder.hidden]);
  take({ kind: 'finalNorm' }, prefix + arch.finalNorm, [decoder.hidden]);
  if (!decoder.tiedHead) take({ kind: 'head' }, arch.head, [decoder.vocabulary, decoder.hidden]);
  const prunable: PrunableMatrix[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    for (const which of ['input', 'post'] as const) {
      take({ kind: 'norm', layer, which }, prefix + arch.normName(layer, which), [decoder.hidden]);
    }
    for (const matrix of MATRICES) {
      const stem = prefix + arch.matrixName(layer, matrix);
      const [rows, cols] = matrixShape(decoder, matrix);
      take({ kind: 'matrix', layer, matrix }, `${stem}.weight`, [rows, cols]);
      prunable.push({ name: `${stem}.weight`, layer, matrix, rows, cols, count: rows * cols });
      if (hasBias(decoder, matrix)) take({ kind: 'bias', layer, matrix }, `${stem}.bias`, [rows]);
      else if (opened.tensors.has(`${stem}.bias`)) {
        throw new LabError(
          'ModelError',
          `${opened.name}: ${stem}.bias is stored, but the config says that there is no bias.`,
          'Correct attention_bias or mlp_bias in config.json.',
        );
      }
    }
  }

  const warnings = [...opened.warnings];
  const unknown = [...opened.tensors.keys()].filter((name) => !used.has(name) && !arch.ignorable.test(name));
  if (decoder.tiedHead && opened.tensors.has(arch.head)) {
    warnings.push(
      `${arch.head} is stored although the config ties it to the embedding; the embedding is used, as transformers does.`,
    );
  }
  const left = unknown.filter((name) => name !== arch.head);
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

function takeTensor(opened: OpenedModel, role: Role, name: string, shape: number[]): PlannedTensor {
  const entry = opened.tensors.get(name);
  if (!entry) {
    throw new LabError(
      'FormatError',
      `${opened.name}: tensor ${name} is missing; config.json says that it must be there.`,
      'Check that all weight files were given and belong to this config.',
    );
  }
  if (entry.shape.length !== shape.length || entry.shape.some((n, i) => n !== shape[i])) {
    throw new LabError(
      'FormatError',
      `${opened.name}: tensor ${name} has shape [${entry.shape.join(', ')}]; config.json asks for [${shape.join(', ')}].`,
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
  return { role, entry: { ...entry, dtype }, rows, cols };
}

function mainDtype(tensors: PlannedTensor[]): FloatDtype {
  const bytes = new Map<FloatDtype, number>();
  for (const t of tensors) bytes.set(t.entry.dtype, (bytes.get(t.entry.dtype) ?? 0) + t.rows * t.cols);
  return [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'F32';
}
