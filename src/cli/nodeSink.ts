/** An export into a folder on disk. */
import { appendFile, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
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
  return {
    create: (path) =>
      guarded(path, async () => {
        await makeFolder(dirname(at(path)));
        await writeFile(at(path), '');
      }),
    write: (path, bytes) => guarded(path, () => appendFile(at(path), bytes)),
    close: () => Promise.resolve(),
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
      for (const name of await readdir(folder).catch(() => []))
        await rm(at(name), { recursive: true, force: true });
    },
  };
}
