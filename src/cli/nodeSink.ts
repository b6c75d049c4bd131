/** An export into a folder on disk. */
import { open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LabError } from '../core/errors';
import type { ExportSink } from '../formats/sink';
import { makeFolder } from './io';

/** `folder` exists. Disk errors become FetchError with the file's name. */
export function nodeSink(folder: string): ExportSink {
  const at = (path: string): string => join(folder, path);
  const guarded = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      const { code } = cause as NodeJS.ErrnoException;
      const remedy = code === 'ENOSPC' ? 'Make room on the disk.' : 'Choose another folder.';
      throw new LabError(
        'FetchError',
        `${path} could not be written or read back (${code ?? String(cause)}).`,
        remedy,
        { cause },
      );
    }
  };
  /** Files that are being written. */
  const writing = new Map<string, FileHandle>();
  const close = async (path: string): Promise<void> => {
    const handle = writing.get(path);
    writing.delete(path);
    await handle?.close();
  };
  return {
    create: (path) =>
      guarded(path, async () => {
        await makeFolder(dirname(at(path)));
        await close(path);
        writing.set(path, await open(at(path), 'w'));
      }),
    write: (path, bytes) =>
      guarded(path, async () => {
        const handle = writing.get(path);
        if (!handle) throw new LabError('InternalError', `${path} was not opened for writing.`);
        await handle.appendFile(bytes);
      }),
    close: (path) => guarded(path, () => close(path)),
    size: (path) => guarded(path, async () => (await stat(at(path))).size),
    read: (path, begin, end) =>
      guarded(path, async () => {
        const file = await open(at(path), 'r');
        try {
          const out = new Uint8Array(end - begin);
          const { bytesRead } = await file.read(out, 0, out.byteLength, begin);
          return out.subarray(0, bytesRead);
        } finally {
          await file.close();
        }
      }),
    async abort() {
      for (const path of writing.keys()) await close(path).catch(() => undefined);
      for (const name of await readdir(folder).catch(() => []))
        await rm(at(name), { recursive: true, force: true });
    },
  };
}
