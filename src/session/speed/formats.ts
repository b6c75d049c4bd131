/** A pruned model in a storage format, beside the loaded one: what decoding reads through, and what it weighs. */
import { fileBytes, type Groups, type StorageFormat } from '../../core/sparseSizes';
import { DTYPE_BYTES, toF32 } from '../../core/dtypes';
import type { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import type { MatrixView } from '../../models/decoder';
import type { LayerView } from '../../models/generate';
import { matrixOf, type LoadedModel } from '../../models/load';
import { applyMask } from '../../ops/applyMask';
import { matmul } from '../../ops/matmul';
import {
  mostKept,
  ones,
  packable,
  packRows,
  uploadPacked,
  type PackedFormat,
  type PackedWeight,
} from '../../ops/packed';
import { packedMatvec, unpack } from '../../ops/packedMatvec';
import type { MaskBuffer, Weight } from '../../ops/types';
import type { Workspace } from '../../ops/workspace';
import { keptWeight, maskOf, type PrunedLayer } from '../../pruning/masks';
import { readWeight } from '../../pruning/readWeight';

export interface FormatModel {
  format: StorageFormat;
  view: LayerView;
  /** Of the prunable matrices. */
  memoryBytes: number;
  fileBytes: number | null;
  /** Its buffers. */
  scope: Scope;
}

/** A pruned matrix on the host: its bytes (pruned weights too) and its mask words. */
export interface HostMatrix {
  weight: Weight;
  mask: MaskBuffer | null;
  bytes: Uint8Array<ArrayBuffer>;
  words: Uint32Array;
}

/** The matrix as it was pruned; without a pruned layer what is zero in the loaded model counts as pruned. */
export async function hostMatrix(
  rec: Recorder,
  model: LoadedModel,
  layer: number,
  name: string,
  pruned: PrunedLayer | null,
): Promise<HostMatrix> {
  const weight = pruned ? keptWeight(model, pruned, layer, name) : matrixOf(model, layer, name);
  const bytes = await readWeight(rec, weight);
  const mask = pruned && maskOf(pruned.masks, name);
  const words = mask
    ? new Uint32Array(await rec.read(mask.buffer, 0, mask.rows * mask.wordsPerRow * 4))
    : nonZeros(bytes, weight);
  return { weight, mask, bytes, words };
}

function nonZeros(bytes: Uint8Array, { rows, cols, dtype }: Weight): Uint32Array {
  const wordsPerRow = Math.ceil(cols / 32);
  const words = new Uint32Array(rows * wordsPerRow);
  const values = toF32(bytes, dtype);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < cols; c++) {
      if (values[row * cols + c] === 0) continue;
      const at = row * wordsPerRow + (c >> 5);
      words[at] = (words[at] as number) | (1 << (c & 31));
    }
  return words;
}

/** Groups of a matrix under a pattern of so many columns each; at least one value is stored. */
export function groupsOf(words: Uint32Array, group: number): Groups {
  return { keep: Math.max(1, mostKept(words, group)), group };
}

/** Shard by shard; the weight itself is on the host. */
export function packMatrix(
  rec: Recorder,
  scope: Scope,
  { weight, bytes, words }: HostMatrix,
  format: PackedFormat,
  groups: Groups | null,
): PackedWeight {
  const { name, rows, cols, dtype } = weight;
  const rowBytes = cols * DTYPE_BYTES[dtype];
  const wordsPerRow = Math.ceil(cols / 32);
  const shards = weight.shards.map(({ rowBegin, rows: count }) => ({
    rowBegin,
    rows: count,
    packed: packRows(
      bytes.subarray(rowBegin * rowBytes, (rowBegin + count) * rowBytes),
      words.subarray(rowBegin * wordsPerRow, (rowBegin + count) * wordsPerRow),
      { cols, dtype },
      format,
      groups,
    ),
  }));
  return uploadPacked(rec, scope, { name, rows, cols, dtype, format, groups }, shards);
}

/**
 * Decodes one token from the packed weight, and multiplies more rows by writing the weight out into scratch memory
 * for the dense kernel: its cost is shared by all rows, and their products are those of the masked copy to the bit.
 */
export function packedView(packed: PackedWeight, scratch: Workspace): MatrixView {
  return {
    async multiply(rec, x, out, add) {
      if (x.rows === 1) return packedMatvec(rec, x, packed, out, add);
      const width = DTYPE_BYTES[packed.dtype];
      const whole: Weight = {
        ...packed,
        shards: packed.shards.map(({ rowBegin, rows }, i) => ({
          rowBegin,
          rows,
          buffer: scratch.buffer(rec, `unpacked ${i}`, rows * packed.cols * width),
        })),
      };
      await unpack(rec, packed, whole);
      await matmul(rec, x, whole, out, add);
    },
  };
}

/** A masked copy of a weight in buffers of its own. */
export async function maskedCopy(
  rec: Recorder,
  scope: Scope,
  weight: Weight,
  mask: MaskBuffer,
): Promise<Weight> {
  const shards = weight.shards.map((shard) => ({
    ...shard,
    buffer: scope.alloc(
      shard.rows * weight.cols * DTYPE_BYTES[weight.dtype],
      'cache',
      `zeros of ${weight.name}`,
    ),
  }));
  const copy = { ...weight, shards };
  await applyMask(rec, weight, mask, copy);
  return copy;
}

/** Group length of a K:M pattern, 8 for mixed:8; null without groups that the kernels can use. */
export function groupLength(pattern: string | null): number | null {
  const length = Number(/:(?<m>\d+)$/.exec(pattern ?? '')?.groups?.m);
  return length > 0 && 32 % length === 0 ? length : null;
}

export interface Making {
  rec: Recorder;
  scope: Scope;
  scratch: Workspace;
  model: LoadedModel;
  /** As pruned; null for a model that came with its zeros. */
  layers: readonly PrunedLayer[] | null;
  /** Group length of the pattern, null without one. */
  group: number | null;
  onMatrix?: () => void;
}

/** Why the format cannot hold this model; null where it can. */
export function cannotHold(format: StorageFormat, model: LoadedModel, group: number | null): string | null {
  if (format === 'dense' || format === 'zeros') return null;
  if (format === 'km' && group === null)
    return 'The zeros do not fall into K:M groups whose length divides 32.';
  const odd = model.plan.prunable.find(
    ({ cols }) => !packable(format, cols, group ? { keep: 1, group } : null),
  );
  return odd ? `${odd.name} has ${odd.cols} columns, which this format cannot hold.` : null;
}

interface Made extends Omit<FormatModel, 'view'> {
  views: Record<string, MatrixView>[];
}

/** The model in several formats at once: each matrix is on the host once. */
export async function makeFormats(m: Making, formats: readonly StorageFormat[]): Promise<FormatModel[]> {
  const { rec, model } = m;
  const made = formats.map((format): Made => ({
    format,
    views: model.layers.map(() => ({})),
    memoryBytes: 0,
    fileBytes: 0,
    scope: m.scope.child(),
  }));
  for (const [layer, { matrices }] of model.layers.entries())
    for (const name of Object.keys(matrices)) {
      const host = await hostMatrix(rec, model, layer, name, m.layers?.[layer] ?? null);
      const { rows, cols, dtype } = host.weight;
      const kept = host.words.reduce((sum, word) => sum + ones(word), 0);
      const shape = { rows, cols, dtype, zeros: rows * cols - kept };
      const groups = m.group === null ? null : groupsOf(host.words, m.group);
      for (const target of made) {
        const views = target.views[layer] ?? {};
        const inFile = fileBytes(target.format, shape, groups);
        target.fileBytes = target.fileBytes === null || inFile === null ? null : target.fileBytes + inFile;
        if (target.format === 'dense' || target.format === 'zeros') {
          const own = target.format === 'dense' ? matrixOf(model, layer, name) : host.weight;
          const { mask } = host;
          views[name] = {
            weight: target.format === 'zeros' && mask ? await maskedCopy(rec, target.scope, own, mask) : own,
          };
          target.memoryBytes += rows * cols * DTYPE_BYTES[dtype];
          continue;
        }
        const packed = packMatrix(
          rec,
          target.scope,
          host,
          target.format,
          target.format === 'km' ? groups : null,
        );
        views[name] = packedView(packed, m.scratch);
        target.memoryBytes += packed.bytes;
      }
      m.onMatrix?.();
    }
  await m.scope.ready();
  return made.map(({ views, ...rest }) => ({
    ...rest,
    view: (layer) => (name) => {
      const view = views[layer]?.[name];
      if (!view) throw new Error(`there is no matrix ${name} in layer ${layer}`);
      return view;
    },
  }));
}
