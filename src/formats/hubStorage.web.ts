/** The cache of the Hub in the browser's private file system (OPFS). For workers: only they have synchronous handles. */
import { LabError } from '../core/errors';
import { baseName, type HubStorage } from './hubStorage';
import { blobSource } from './source';

const ROOT = 'prunelab-hub';
const COPY_BYTES = 4 << 20;

/** Rejects where the browser has no such storage or refuses it: private windows, embedded pages, policies. */
export async function browserStorage(): Promise<HubStorage> {
  const top = await navigator.storage.getDirectory();
  const root = await top.getDirectoryHandle(ROOT, { create: true });
  // Some browsers hand out the folder and refuse to write.
  const probe = await root.getFileHandle('.probe', { create: true });
  (await probe.createSyncAccessHandle()).close();
  await root.removeEntry('.probe');

  const folderOf = async (path: string, create: boolean): Promise<FileSystemDirectoryHandle> => {
    let at = root;
    for (const part of path.split('/').slice(0, -1)) at = await at.getDirectoryHandle(part, { create });
    return at;
  };
  const fileOf = async (path: string, create = false): Promise<FileSystemFileHandle | null> => {
    try {
      return await (await folderOf(path, create)).getFileHandle(baseName(path), { create });
    } catch (cause) {
      if (isMissing(cause)) return null;
      throw cause;
    }
  };
  const open = async (path: string): Promise<FileSystemSyncAccessHandle> => {
    const file = await writing(path, () => fileOf(path, true));
    if (!file) throw new LabError('FetchError', `${baseName(path)} cannot be written.`, 'Reload the page.');
    return writing(path, () => file.createSyncAccessHandle());
  };

  return {
    kind: 'browser',
    async read(path) {
      const file = await (await fileOf(path))?.getFile();
      return file ? new Uint8Array(await file.arrayBuffer()) : null;
    },
    async write(path, bytes) {
      const handle = await open(path);
      try {
        await writing(path, () => {
          handle.truncate(0);
          writeAll(handle, bytes, 0);
          handle.flush();
        });
      } finally {
        handle.close();
      }
    },
    async source(path) {
      const file = await (await fileOf(path))?.getFile();
      return file ? blobSource(baseName(path), file) : null;
    },
    async part(path) {
      const handle = await open(path);
      let size = handle.getSize();
      return {
        get size() {
          return size;
        },
        read(begin, end) {
          const bytes = new Uint8Array(end - begin);
          const got = handle.read(bytes, { at: begin });
          return Promise.resolve(bytes.subarray(0, got));
        },
        append: (bytes) =>
          writing(path, () => {
            writeAll(handle, bytes, size);
            size += bytes.byteLength;
          }),
        reset: () =>
          writing(path, () => {
            handle.truncate(0);
            size = 0;
          }),
        close() {
          handle.flush();
          handle.close();
          return Promise.resolve();
        },
      };
    },
    async rename(path, name) {
      const file = await fileOf(path);
      if (!file)
        throw new LabError('FetchError', `${baseName(path)} is gone from the storage.`, 'Load it again.');
      if (hasMove(file)) {
        await writing(path, () => file.move(name));
        return;
      }
      const target = await open(`${path.slice(0, path.lastIndexOf('/') + 1)}${name}`);
      try {
        const from = await file.getFile();
        target.truncate(0);
        for (let at = 0; at < from.size; at += COPY_BYTES) {
          const bytes = new Uint8Array(await from.slice(at, at + COPY_BYTES).arrayBuffer());
          await writing(path, () => writeAll(target, bytes, at));
        }
        target.flush();
      } finally {
        target.close();
      }
      await (await folderOf(path, false)).removeEntry(baseName(path));
    },
    async remove(path) {
      try {
        await (await folderOf(path, false)).removeEntry(baseName(path), { recursive: true });
      } catch (cause) {
        if (isMissing(cause)) return;
        throw busyOrFull(path, cause);
      }
    },
    async list(folder) {
      let at: FileSystemDirectoryHandle;
      try {
        at = folder === '' ? root : await folderOf(`${folder}/x`, false);
      } catch (cause) {
        if (isMissing(cause)) return [];
        throw cause;
      }
      const found = [];
      for await (const [name, handle] of at.entries()) {
        const file = handle instanceof FileSystemFileHandle ? await handle.getFile() : null;
        found.push({ name, folder: file === null, size: file?.size ?? 0 });
      }
      return found;
    },
  };
}

/** A write may take less than it was given; OPFS then throws nothing. */
function writeAll(handle: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    const written = handle.write(bytes.subarray(done), { at: at + done });
    if (written === 0) throw new DOMException('nothing was written', 'QuotaExceededError');
    done += written;
  }
}

/** Renaming in place: in all current browsers, in no type definition. */
function hasMove(
  file: FileSystemFileHandle,
): file is FileSystemFileHandle & { move(name: string): Promise<void> } {
  return 'move' in file && typeof file.move === 'function';
}

function isMissing(cause: unknown): boolean {
  return (
    cause instanceof DOMException && (cause.name === 'NotFoundError' || cause.name === 'TypeMismatchError')
  );
}

async function writing<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw busyOrFull(path, cause);
  }
}

function busyOrFull(path: string, cause: unknown): LabError {
  if (cause instanceof LabError) return cause;
  const name = cause instanceof DOMException ? cause.name : '';
  const file = baseName(path).replace(/\.part(\.json)?$/, '');
  if (name === 'QuotaExceededError') {
    return new LabError(
      'FetchError',
      `${file}: the browser's storage for this page is full.`,
      'Delete stored models in the Hub dialog, or download the model and open its folder.',
      { cause },
    );
  }
  if (name === 'NoModificationAllowedError') {
    return new LabError(
      'FetchError',
      `${file} is in use by another tab of the lab.`,
      'Wait until it is done there, or close that tab.',
      { cause },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LabError(
    'FetchError',
    `${file} cannot be stored: ${reason}.`,
    'Reload the page and try again.',
    {
      cause,
    },
  );
}
