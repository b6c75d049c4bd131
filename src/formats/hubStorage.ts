/**
 * Where files of the Hub are kept: a folder on disk, the browser's private file system, or memory. One small interface,
 * so that downloading, resuming and listing are written once. Paths have '/' and no '..'.
 */
import { LabError } from '../core/errors';
import { blobSource, type ByteSource } from './source';

/** A file being written, open for one writer. */
export interface PartFile {
  /** Bytes that are there. */
  readonly size: number;
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  append(bytes: Uint8Array): Promise<void>;
  /** Empties it. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export interface StorageEntry {
  name: string;
  folder: boolean;
  /** Bytes; 0 for a folder. */
  size: number;
}

export interface HubStorage {
  readonly kind: 'disk' | 'browser' | 'memory';
  /** A whole small file, null when there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Writes a small file whole or not at all. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** A complete file for reading, null when there is none. */
  source(path: string): Promise<ByteSource | null>;
  /** Opens for appending; made when it is not there. */
  part(path: string): Promise<PartFile>;
  /** Gives a closed file its final name, in the same folder. */
  rename(path: string, name: string): Promise<void>;
  /** A file or a whole folder; nothing when it is not there. */
  remove(path: string): Promise<void>;
  /** Empty when there is no such folder. */
  list(folder: string): Promise<StorageEntry[]>;
}

/** What is kept for this visit only. Blobs: browsers move large ones out of memory when they must. */
export function memoryStorage(): HubStorage {
  const files = new Map<string, Blob[]>();
  const blobOf = (path: string): Blob | null => {
    const parts = files.get(path);
    if (!parts) return null;
    const whole = parts.length === 1 && parts[0] ? parts[0] : new Blob(parts);
    files.set(path, [whole]);
    return whole;
  };
  const bytesOf = async (blob: Blob): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await blob.arrayBuffer());
  return {
    kind: 'memory',
    async read(path) {
      const blob = blobOf(path);
      return blob && bytesOf(blob);
    },
    write(path, bytes) {
      files.set(path, [new Blob([bytes as Uint8Array<ArrayBuffer>])]);
      return Promise.resolve();
    },
    source(path) {
      const blob = blobOf(path);
      return Promise.resolve(blob && blobSource(baseName(path), blob));
    },
    part(path) {
      if (!files.has(path)) files.set(path, []);
      let size = blobOf(path)?.size ?? 0;
      return Promise.resolve({
        get size() {
          return size;
        },
        read: (begin, end) => bytesOf((blobOf(path) ?? new Blob([])).slice(begin, end)),
        append(bytes) {
          files.get(path)?.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
          size += bytes.byteLength;
          return Promise.resolve();
        },
        reset() {
          files.set(path, []);
          size = 0;
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      });
    },
    rename(path, name) {
      const parts = files.get(path);
      if (!parts) return Promise.reject(new LabError('FetchError', `${path} is gone.`, 'Load it again.'));
      files.delete(path);
      files.set(`${path.slice(0, path.lastIndexOf('/') + 1)}${name}`, parts);
      return Promise.resolve();
    },
    remove(path) {
      for (const key of [...files.keys()]) if (key === path || key.startsWith(`${path}/`)) files.delete(key);
      return Promise.resolve();
    },
    list(folder) {
      const found = new Map<string, StorageEntry>();
      const prefix = folder === '' ? '' : `${folder}/`;
      for (const [path, parts] of files) {
        if (!path.startsWith(prefix)) continue;
        const [name = '', ...rest] = path.slice(prefix.length).split('/');
        const inside = rest.length > 0;
        found.set(name, {
          name,
          folder: inside,
          size: inside ? 0 : parts.reduce((sum, part) => sum + part.size, 0),
        });
      }
      return Promise.resolve([...found.values()]);
    },
  };
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
