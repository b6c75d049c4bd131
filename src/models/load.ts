/**
 * Streams weight files to the GPU once, in file order: every byte is read once, hashed, and the tensors of the plan
 * go to their buffers in pieces. No array of the model's size is ever made.
 */
import { createSHA256 } from 'hash-wasm';
import { DTYPE_BYTES, toF32, type FloatDtype } from '../core/dtypes';
import { throwIfAborted } from '../core/errors';
import { sha256Hex } from '../core/hash';
import type { GpuContext } from '../gpu/context';
import type { Scope } from '../gpu/scope';
import type { TensorEntry } from '../formats/safetensors';
import { decodedBytes, PIECE_BYTES, rawPieceBytes } from '../formats/tensorBytes';
import type { Vec, Weight } from '../ops/types';
import { MATRICES, type DecoderConfig, type MatrixName } from './archs/define';
import type { ModelPlan, PlannedTensor } from './inspect';

export interface LayerWeights {
  inputNorm: Vec;
  postNorm: Vec;
  matrices: Record<MatrixName, Weight>;
  biases: Partial<Record<MatrixName, Vec>>;
}

export interface LoadedModel {
  plan: ModelPlan;
  config: DecoderConfig;
  embedding: Weight;
  head: Weight;
  finalNorm: Vec;
  layers: LayerWeights[];
  /** Hash of the SHA-256s of the weight files in name order. */
  sha256: string;
  /** Zeros (+0 and -0) in each prunable tensor as loaded. */
  zeros: Map<string, number>;
  scope: Scope;
}

export interface LoadProgress {
  doneBytes: number;
  totalBytes: number;
}

export async function loadModel(
  ctx: GpuContext,
  plan: ModelPlan,
  options: {
    signal?: AbortSignal;
    onProgress?: (p: LoadProgress) => void;
    /** Largest buffer of a weight; the adapter's limits where left out. Tests make it small. */
    shardBytes?: number;
  } = {},
): Promise<LoadedModel> {
  const scope = ctx.root.child();
  try {
    const { limits } = ctx.device;
    const limit = Math.min(
      limits.maxStorageBufferBindingSize,
      limits.maxBufferSize,
      options.shardBytes ?? Infinity,
    );
    const targets = new Map<string, PlannedTensor>();
    for (const t of plan.tensors) targets.set(t.entry.name, t);
    const weights = new Map<string, Weight>();
    const vectors = new Map<string, Vec>();
    for (const t of plan.tensors) {
      if (isVector(t))
        vectors.set(t.entry.name, {
          buffer: scope.alloc(t.cols * 4, 'weights', t.entry.name),
          length: t.cols,
        });
      else weights.set(t.entry.name, allocWeight(scope, t, limit));
    }
    await scope.ready();

    const zeros = new Map<string, number>();
    const digests: string[] = [];
    let doneBytes = 0;
    for (const { path, source } of plan.opened.weightFiles) {
      const hash = await createSHA256();
      const entries = [...plan.opened.tensors.values()]
        .filter((e) => e.file === path)
        .sort((a, b) => a.begin - b.begin);
      const dataBegin = entries[0]?.begin ?? source.size;
      let at = 0;
      const step = async (
        end: number,
        use?: (bytes: Uint8Array<ArrayBuffer>, offset: number) => void,
        entry?: TensorEntry,
      ): Promise<void> => {
        const pieceBytes = entry ? rawPieceBytes(entry) : PIECE_BYTES;
        let offset = 0;
        while (at < end) {
          throwIfAborted(options.signal);
          ctx.throwIfLost();
          const pieceEnd = Math.min(end, at + pieceBytes);
          const bytes = await source.read(at, pieceEnd, options.signal);
          hash.update(bytes);
          // The file's own bytes are hashed; what is used is in the entry's dtype.
          const decoded = entry?.stored ? entry.stored.decode(bytes) : bytes;
          use?.(decoded, offset);
          offset += decoded.byteLength;
          doneBytes += pieceEnd - at;
          at = pieceEnd;
          options.onProgress?.({ doneBytes, totalBytes: plan.opened.totalBytes });
        }
      };
      await step(dataBegin);
      for (const entry of entries) {
        if (entry.begin === entry.end) continue;
        // Padding, and tensors that no index names.
        await step(entry.begin);
        const target = targets.get(entry.name);
        const weight = weights.get(entry.name);
        const vector = vectors.get(entry.name);
        if (target && weight) {
          let count = 0;
          const prunable = target.role.kind === 'matrix';
          const use = (bytes: Uint8Array<ArrayBuffer>, offset: number): void => {
            if (prunable) count += countZeros(bytes, weight.dtype);
            uploadPiece(ctx, weight, bytes, offset);
          };
          await step(entry.end, use, entry);
          if (prunable) zeros.set(entry.name, count);
        } else if (target && vector) {
          const all = new Uint8Array(decodedBytes(entry));
          await step(entry.end, (bytes, offset) => all.set(bytes, offset), entry);
          ctx.device.queue.writeBuffer(
            vector.buffer.raw,
            0,
            toF32(all, target.entry.dtype) as Float32Array<ArrayBuffer>,
          );
        } else await step(entry.end);
      }
      await step(source.size);
      digests.push(hash.digest('hex'));
    }
    await ctx.device.queue.onSubmittedWorkDone();
    ctx.throwIfLost();
    return assemble(plan, weights, vectors, zeros, await sha256Hex(digests.join('')), scope);
  } catch (error) {
    scope.close();
    throw error;
  }
}

function isVector(t: PlannedTensor): boolean {
  return t.role.kind === 'norm' || t.role.kind === 'finalNorm' || t.role.kind === 'bias';
}

/** Rows per shard are a multiple of 4, so that every shard begins on a 4-byte word whatever the row length. */
function allocWeight(scope: Scope, t: PlannedTensor, limit: number): Weight {
  const rowBytes = t.cols * DTYPE_BYTES[t.entry.dtype];
  const rowsPerShard = Math.max(4, Math.floor(limit / rowBytes / 4) * 4);
  const shards = [];
  for (let rowBegin = 0; rowBegin < t.rows; rowBegin += rowsPerShard) {
    const rows = Math.min(rowsPerShard, t.rows - rowBegin);
    shards.push({ buffer: scope.alloc(rows * rowBytes, 'weights', t.entry.name), rowBegin, rows });
  }
  return { name: t.entry.name, rows: t.rows, cols: t.cols, dtype: t.entry.dtype, shards };
}

/** `offset` bytes into the tensor; a multiple of 4 because pieces are. */
function uploadPiece(ctx: GpuContext, weight: Weight, bytes: Uint8Array<ArrayBuffer>, offset: number): void {
  const rowBytes = weight.cols * DTYPE_BYTES[weight.dtype];
  for (const shard of weight.shards) {
    const shardBegin = shard.rowBegin * rowBytes;
    const begin = Math.max(offset, shardBegin);
    const end = Math.min(offset + bytes.byteLength, shardBegin + shard.rows * rowBytes);
    if (begin >= end) continue;
    let piece = bytes.subarray(begin - offset, end - offset);
    if (piece.byteLength % 4 !== 0) {
      const padded = new Uint8Array(Math.ceil(piece.byteLength / 4) * 4);
      padded.set(piece);
      piece = padded;
    }
    ctx.device.queue.writeBuffer(shard.buffer.raw, begin - shardBegin, piece);
  }
}

/** Elements equal to +0 or -0 in raw bytes. */
function countZeros(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDtype): number {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  let count = 0;
  if (dtype === 'F32') {
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
    for (let i = 0; i < words.length; i++) if ((words[i] as number) << 1 === 0) count++;
  } else {
    const words = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1);
    for (let i = 0; i < words.length; i++) if (((words[i] as number) & 0x7fff) === 0) count++;
  }
  return count;
}

function assemble(
  plan: ModelPlan,
  weights: Map<string, Weight>,
  vectors: Map<string, Vec>,
  zeros: Map<string, number>,
  sha256: string,
  scope: Scope,
): LoadedModel {
  const weight = (match: (t: PlannedTensor) => boolean): Weight =>
    required(weights, plan.tensors.find(match)?.entry);
  const embedding = weight((t) => t.role.kind === 'embedding');
  const layers = Array.from(
    { length: plan.config.layers },
    (): Partial<LayerWeights> & Pick<LayerWeights, 'biases'> => ({ biases: {} }),
  );
  let finalNorm: Vec | undefined;
  const matrices = layers.map((): Partial<Record<MatrixName, Weight>> => ({}));
  for (const { role, entry } of plan.tensors) {
    if (role.kind === 'finalNorm') finalNorm = required(vectors, entry);
    if (!('layer' in role)) continue;
    const layer = layers[role.layer];
    const ofLayer = matrices[role.layer];
    if (!layer || !ofLayer) continue;
    if (role.kind === 'norm')
      layer[role.which === 'input' ? 'inputNorm' : 'postNorm'] = required(vectors, entry);
    else if (role.kind === 'bias') layer.biases[role.matrix] = required(vectors, entry);
    else ofLayer[role.matrix] = required(weights, entry);
  }
  return {
    plan,
    config: plan.config,
    embedding,
    head: plan.config.tiedHead ? embedding : weight((t) => t.role.kind === 'head'),
    finalNorm: finalNorm as Vec,
    // planModel has taken every norm and matrix of every layer, so nothing is missing here.
    layers: layers.map((layer, i) => ({ ...layer, matrices: matrices[i] }) as LayerWeights),
    sha256,
    zeros,
    scope,
  };
}

function required<T>(map: Map<string, T>, entry: TensorEntry | undefined): T {
  const found = entry && map.get(entry.name);
  if (!found) throw new Error(`tensor ${entry?.name ?? '?'} was not loaded`);
  return found;
}

export function allMatrices(layer: LayerWeights): [MatrixName, Weight][] {
  return MATRICES.map((m) => [m, layer.matrices[m]]);
}
