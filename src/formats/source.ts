/**
 * Bytes by range, wherever they live: HTTP, File, OPFS, a Node file, memory. Readers only see these two interfaces,
 * so they run unchanged in the page, the worker, Node and tests.
 */
import { LabError } from '../core/errors';

export interface ByteSource {
  /** For messages: the file's name as the user knows it. */
  readonly name: string;
  /** Bytes that exist. */
  readonly size: number;
  /** Bytes [begin, end), which the caller may keep and change. Rejects with FetchError when they cannot be had; never returns fewer. */
  read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** The files of one model, by path relative to its folder. */
export interface ModelFiles {
  /** Base name of the folder, the file or the Hub id. */
  readonly name: string;
  readonly paths: { path: string; size: number }[];
  /** True where reading weights would download them: headers only, then. */
  readonly remote?: boolean;
  /** Where they came from, when that is a place with commits: for the report. */
  readonly origin?: { source: string; commit: string };
  open(path: string): Promise<ByteSource>;
}

/** Guards every reader: a range must lie in the file. */
export function checkRange(source: { name: string; size: number }, begin: number, end: number): void {
  if (!(begin >= 0 && begin <= end && end <= source.size)) {
    throw new LabError(
      'FormatError',
      `${source.name}: bytes ${begin} to ${end} lie outside the file of ${source.size} bytes.`,
    );
  }
}

export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read(begin, end) {
      checkRange({ name, size: bytes.byteLength }, begin, end);
      return Promise.resolve(bytes.slice(begin, end));
    },
  };
}

/** A File or Blob picked, dropped or stored in OPFS. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(begin, end) {
      checkRange({ name, size: blob.size }, begin, end);
      try {
        return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
      } catch (cause) {
        throw new LabError(
          'FetchError',
          `${name}: the file could not be read; it may have changed or moved.`,
          'Pick it again.',
          { cause },
        );
      }
    },
  };
}
