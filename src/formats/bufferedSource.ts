/** Turns many small reads into few large ones, for sources where each read costs a request. */
import type { OpenedModel } from './hfModel';
import { checkRange, type ByteSource } from './source';

const BLOCK_BYTES = 16 << 20;
/** Kept at a time; readers go through a file roughly in order. */
const BLOCKS = 3;

/** Reads of whole blocks, a few of them kept; reads at once for the same block share one request. */
export function bufferedSource(source: ByteSource, blockBytes = BLOCK_BYTES, blocks = BLOCKS): ByteSource {
  const { name, size } = source;
  const kept = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();
  const block = (index: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> => {
    const known = kept.get(index);
    // Re-inserted, so that the first key is the one longest unused.
    kept.delete(index);
    const loading =
      known ?? source.read(index * blockBytes, Math.min(size, (index + 1) * blockBytes), signal);
    kept.set(index, loading);
    // A failed or cancelled read must not be remembered.
    if (!known) void loading.catch(() => kept.get(index) === loading && kept.delete(index));
    for (const oldest of kept.keys()) {
      if (kept.size <= blocks) break;
      kept.delete(oldest);
    }
    return loading;
  };
  return {
    name,
    size,
    async read(begin, end, signal) {
      checkRange({ name, size }, begin, end);
      // One block after the other: a long read holds no more of them than a short one.
      const out = new Uint8Array(end - begin);
      for (let at = begin; at < end;) {
        const index = Math.floor(at / blockBytes);
        const bytes = await block(index, signal);
        const from = at - index * blockBytes;
        const part = bytes.subarray(from, Math.min(bytes.byteLength, from + end - at));
        out.set(part, at - begin);
        at += part.byteLength;
      }
      return out;
    },
  };
}

/** Blocks of a model that is read from front to back, with a few steps aside. */
const STREAM_BLOCK_BYTES = 4 << 20;
const STREAM_BLOCKS = 3;

/** The same model, its weight files read in blocks: tensors are many and small. A GGUF file is left as it is. */
export function bufferedModel(model: OpenedModel): OpenedModel {
  if (model.gguf) return model;
  const weightFiles = model.weightFiles.map(({ path, source }) => ({
    path,
    source: bufferedSource(source, STREAM_BLOCK_BYTES, STREAM_BLOCKS),
  }));
  const sources = new Map(weightFiles.map(({ path, source }) => [path, source]));
  const tensors = new Map(
    [...model.tensors].map(([name, t]) => [name, { ...t, source: sources.get(t.file) ?? t.source }]),
  );
  return { ...model, weightFiles, tensors };
}
