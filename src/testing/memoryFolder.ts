/** A folder in memory: written by an export, opened again as a model. */
import type { ExportSink } from '../formats/sink';
import { memorySource, type ModelFiles } from '../formats/source';

function joined(before: Uint8Array, more: Uint8Array): Uint8Array {
  const out = new Uint8Array(before.byteLength + more.byteLength);
  out.set(before);
  out.set(more, before.byteLength);
  return out;
}

export function memorySink(): { sink: ExportSink; files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const of = (path: string): Uint8Array => files.get(path) ?? new Uint8Array();
  const sink: ExportSink = {
    create: async (path) => void files.set(path, new Uint8Array()),
    write: async (path, bytes) => void files.set(path, joined(of(path), bytes)),
    close: () => Promise.resolve(),
    size: async (path) => of(path).byteLength,
    read: async (path, begin, end) => of(path).slice(begin, end),
    abort: async () => files.clear(),
  };
  return { sink, files };
}

export function folderOf(name: string, files: Map<string, Uint8Array>): ModelFiles {
  return {
    name,
    paths: [...files].map(([path, bytes]) => ({ path, size: bytes.byteLength })),
    open: (path) => Promise.resolve(memorySource(path, files.get(path) ?? new Uint8Array())),
  };
}
