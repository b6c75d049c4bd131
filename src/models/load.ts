/**
 * Streams weight files to the GPU once, in file order: every byte is read once, hashed, and the tensors of the plan
 * go to their buffers in pieces. No array of the model's size is ever made.
 */
import { DTYPE_BYTES, toF32 } from '../core/dtypes';
import { LabError, throwIfAborted } from '../core/errors';
import { sha256Hex } from '../core/hash';
import { transpose } from '../core/transpose';
import type { GpuContext } from '../gpu/context';
import type { Scope } from '../gpu/scope';
import type { TensorEntry } from '../formats/safetensors';
import { HashedReader } from '../formats/hashedReader';
import { decodedBytes, rawPieceBytes } from '../formats/tensorBytes';
import { ZeroScan } from '../formats/zeroScan';
import type { Vec, Weight } from '../ops/types';
import type { DecoderConfig, NormSlot } from './archs/define';
import type { ModelPlan, PlannedTensor } from './inspect';

/** Weight and, for a LayerNorm, bias. */
export interface NormVectors {
  weight: Vec;
  bias?: Vec;
}

export interface LayerWeights {
  norms: Partial<Record<NormSlot, NormVectors>>;
  /** [outputs, inputs], whatever the file's layout. */
  matrices: Record<string, Weight>;
  biases: Record<string, Vec>;
}

export interface LoadedModel {
  plan: ModelPlan;
  config: DecoderConfig;
  embedding: Weight;
  /** Table of learned positions. */
  positions?: Weight;
  head: Weight;
  finalNorm: NormVectors;
  layers: LayerWeights[];
  /** Hash of the SHA-256s of the weight files in name order. */
  sha256: string;
  /** Zeros (+0 and -0) in each prunable tensor as loaded. */
  zeros: Map<string, number>;
  /** The same with K:M groups. */
  scans: Map<string, ZeroScan>;
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
  // What was freed just now must be gone before as much is asked for again.
  await ctx.device.queue.onSubmittedWorkDone();
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
    // All of it is planned before anything is asked for.
    const shards = new Map(plan.tensors.filter((t) => !isVector(t)).map((t) => [t, planShards(t, limit)]));
    for (const t of plan.tensors) {
      if (isVector(t))
        vectors.set(t.entry.name, {
          buffer: scope.alloc(t.cols * 4, 'weights', t.entry.name),
          length: t.cols,
        });
      else weights.set(t.entry.name, allocWeight(scope, t, shards.get(t) ?? []));
    }
    await scope.ready().catch(tooLarge(plan, limit));

    const scans = new Map<string, ZeroScan>();
    const digests: string[] = [];
    let before = 0;
    for (const { path, source } of plan.opened.weightFiles) {
      const file = await HashedReader.open(source, { signal: options.signal });
      const entries = [...plan.opened.tensors.values()]
        .filter((e) => e.file === path)
        .sort((a, b) => a.begin - b.begin);
      const each = async (
        entry: TensorEntry,
        use: (bytes: Uint8Array<ArrayBuffer>, offset: number) => void,
      ): Promise<void> => {
        // The file's own bytes are hashed; what is used is in the entry's dtype. Pieces begin on a 4-byte word.
        const unit = 4 * (entry.stored?.unitBytes ?? 1);
        let offset = 0;
        while (file.at < entry.end) {
          throwIfAborted(options.signal);
          ctx.throwIfLost();
          const bytes = await file.next(entry.end, rawPieceBytes(entry), unit);
          const decoded = entry.stored ? entry.stored.decode(bytes) : bytes;
          use(decoded, offset);
          offset += decoded.byteLength;
          options.onProgress?.({ doneBytes: before + file.at, totalBytes: plan.opened.totalBytes });
        }
      };
      for (const entry of entries) {
        const target = targets.get(entry.name);
        // Tensors that are not part of the model are hashed with what lies around them.
        if (!target || entry.begin === entry.end) continue;
        await file.skip(entry.begin);
        const weight = weights.get(entry.name);
        const vector = vectors.get(entry.name);
        if (weight) {
          const scan = new ZeroScan(target.entry.dtype, target);
          const prunable = target.role.kind === 'matrix';
          // Turned round as a whole: such matrices are those of GPT-2, some MB.
          const whole = target.transposed ? new Uint8Array(decodedBytes(entry)) : null;
          await each(entry, (bytes, offset) => {
            if (prunable) scan.add(bytes);
            if (whole) whole.set(bytes, offset);
            else uploadPiece(ctx, weight, bytes, offset);
          });
          if (whole) {
            const turned = transpose(whole, DTYPE_BYTES[weight.dtype], weight.cols, weight.rows);
            uploadPiece(ctx, weight, turned, 0);
          }
          if (prunable) scans.set(entry.name, scan);
        } else if (vector) {
          const all = new Uint8Array(decodedBytes(entry));
          await each(entry, (bytes, offset) => all.set(bytes, offset));
          ctx.device.queue.writeBuffer(
            vector.buffer.raw,
            0,
            toF32(all, target.entry.dtype) as Float32Array<ArrayBuffer>,
          );
        }
      }
      digests.push(await file.digest());
      before += source.size;
    }
    await ctx.device.queue.onSubmittedWorkDone();
    ctx.throwIfLost();
    return assemble(plan, weights, vectors, scans, await sha256Hex(digests.join('')), scope);
  } catch (error) {
    scope.close();
    throw error;
  }
}

function isVector(t: PlannedTensor): boolean {
  return t.role.kind === 'norm' || t.role.kind === 'finalNorm' || t.role.kind === 'bias';
}

/** Consecutive rows of a tensor that share a buffer. */
export interface ShardPlan {
  rowBegin: number;
  rows: number;
  bytes: number;
}

/**
 * The buffers of a weight, each of at most `limit` bytes. Rows per shard are a multiple of 4, so that every shard begins
 * on a 4-byte word whatever the row length. GpuLimitError where four rows are more.
 */
export function planShards(
  { rows, cols, entry }: Pick<PlannedTensor, 'rows' | 'cols' | 'entry'>,
  limit: number,
): ShardPlan[] {
  const rowBytes = cols * DTYPE_BYTES[entry.dtype];
  const most = Math.floor(limit / rowBytes / 4) * 4;
  if (most < 4 && rows * rowBytes > limit)
    throw new LabError(
      'GpuLimitError',
      `${entry.name} cannot be cut into buffers: four of its rows take ${4 * rowBytes} bytes; this adapter lets a kernel see at most ${limit} at once.`,
      'Use another adapter, or a smaller model.',
    );
  const step = Math.max(4, most);
  const out: ShardPlan[] = [];
  for (let rowBegin = 0; rowBegin < rows; rowBegin += step) {
    const count = Math.min(step, rows - rowBegin);
    out.push({ rowBegin, rows: count, bytes: count * rowBytes });
  }
  return out;
}

function allocWeight(scope: Scope, t: PlannedTensor, shards: readonly ShardPlan[]): Weight {
  const { name, dtype } = t.entry;
  return {
    name,
    rows: t.rows,
    cols: t.cols,
    dtype,
    shards: shards.map(({ rowBegin, rows, bytes }) => ({
      buffer: scope.alloc(bytes, 'weights', name),
      rowBegin,
      rows,
    })),
  };
}

/** The GPU had no room: says how much the weights need, and what a buffer may be at most. */
function tooLarge(plan: ModelPlan, limit: number): (cause: unknown) => never {
  return (cause) => {
    const error = LabError.from(cause);
    if (error.kind !== 'OutOfMemoryError') throw error;
    const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new LabError(
      'OutOfMemoryError',
      `The weights of ${plan.opened.name} need ${mebibytes(plan.weightBytes)} of graphics memory (in buffers of at most ${mebibytes(limit)}), more than the GPU could give.`,
      'Close other tabs and programs, use a smaller model, or another adapter.',
      { cause },
    );
  };
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

function assemble(
  plan: ModelPlan,
  weights: Map<string, Weight>,
  vectors: Map<string, Vec>,
  scans: Map<string, ZeroScan>,
  sha256: string,
  scope: Scope,
): LoadedModel {
  const layers = Array.from({ length: plan.config.layers }, (): LayerWeights => ({
    norms: {},
    matrices: {},
    biases: {},
  }));
  const whole: Partial<Record<'embedding' | 'positions' | 'head', Weight>> = {};
  const finalNorm: Partial<NormVectors> = {};
  // planModel has taken every weight before its bias, and left none out.
  for (const { role, entry } of plan.tensors) {
    if (role.kind === 'embedding' || role.kind === 'positions' || role.kind === 'head')
      whole[role.kind] = required(weights, entry);
    else if (role.kind === 'finalNorm') finalNorm[role.bias ? 'bias' : 'weight'] = required(vectors, entry);
    else {
      const layer = layers[role.layer];
      if (!layer) continue;
      if (role.kind === 'matrix') layer.matrices[role.matrix] = required(weights, entry);
      else if (role.kind === 'bias') layer.biases[role.matrix] = required(vectors, entry);
      else {
        const vector = required(vectors, entry);
        const norm = layer.norms[role.slot];
        if (role.bias && norm) norm.bias = vector;
        else layer.norms[role.slot] = { weight: vector };
      }
    }
  }
  const { embedding, positions } = whole;
  const head = plan.config.tiedHead ? embedding : whole.head;
  if (!embedding || !head || !finalNorm.weight)
    throw new Error('the plan lacks embedding, head or final norm');
  return {
    plan,
    config: plan.config,
    embedding,
    ...(positions ? { positions } : {}),
    head,
    finalNorm: { ...finalNorm, weight: finalNorm.weight },
    layers,
    sha256,
    zeros: new Map([...scans].map(([name, { zeros }]) => [name, zeros])),
    scans,
    scope,
  };
}

function required<T>(map: Map<string, T>, entry: TensorEntry | undefined): T {
  const found = entry && map.get(entry.name);
  if (!found) throw new Error(`tensor ${entry?.name ?? '?'} was not loaded`);
  return found;
}

/** A matrix of a layer; there is none of another name. */
export function matrixOf(model: LoadedModel, layer: number, name: string): Weight {
  const weight = model.layers[layer]?.matrices[name];
  if (!weight) throw new Error(`there is no matrix ${name} in layer ${layer}`);
  return weight;
}
