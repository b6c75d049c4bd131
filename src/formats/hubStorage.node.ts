/** The cache of the Hub in a folder on disk. */
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError } from '../core/errors';
import type { HubStorage } from './hubStorage';
import { checkRange, type ByteSource } from './source';

export function diskStorage(root: string): HubStorage {
  const at = (path: string): string => join(root, ...path.split('/'));
  return {
    kind: 'disk',
    async read(path) {
      return readFile(at(path)).then(
        (bytes) => new Uint8Array(bytes),
        () => null,
      );
    },
    write: (path, bytes) =>
      writing(at(path), async () => {
        const temporary = `${at(path)}.${process.pid}.tmp`;
        await mkdir(dirname(temporary), { recursive: true });
        await writeFile(temporary, bytes);
        await rename(temporary, at(path));
      }),
    async source(path) {
      const info = await stat(at(path)).catch(() => null);
      return info?.isFile() ? diskSource(at(path), info.size) : null;
    },
    part: (path) =>
      writing(at(path), async () => {
        await mkdir(dirname(at(path)), { recursive: true });
        const unlock = await lock(at(path));
        const handle = await open(at(path), 'a+').catch(async (cause: unknown) => {
          await unlock();
          throw cause;
        });
        let { size } = await handle.stat();
        return {
          get size() {
            return size;
          },
          async read(begin: number, end: number) {
            const bytes = new Uint8Array(end - begin);
            const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, begin);
            return bytes.subarray(0, bytesRead);
          },
          append: (bytes: Uint8Array) =>
            writing(at(path), async () => {
              for (let done = 0; done < bytes.byteLength;) {
                const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done);
                done += bytesWritten;
                size += bytesWritten;
              }
            }),
          reset: () =>
            writing(at(path), async () => {
              await handle.truncate(0);
              size = 0;
            }),
          async close() {
            await handle.close();
            await unlock();
          },
        };
      }),
    rename: (path, name) => writing(at(path), () => rename(at(path), join(dirname(at(path)), name))),
    remove: (path) => writing(at(path), () => rm(at(path), { recursive: true, force: true })),
    async list(folder) {
      const entries = await readdir(folder === '' ? root : at(folder), { withFileTypes: true }).catch(
        () => [],
      );
      return Promise.all(
        entries.map(async (entry) => ({
          name: entry.name,
          folder: entry.isDirectory(),
          size: entry.isFile() ? await sizeOf(join(folder === '' ? root : at(folder), entry.name)) : 0,
        })),
      );
    },
  };
}

function diskSource(path: string, size: number): ByteSource {
  const name = basename(path);
  return {
    name,
    size,
    async read(begin, end) {
      checkRange({ name, size }, begin, end);
      const handle = await open(path, 'r').catch((cause: unknown) => {
        throw new LabError('FetchError', `${path} cannot be read.`, 'Load it again.', { cause });
      });
      try {
        const bytes = new Uint8Array(end - begin);
        for (let done = 0; done < bytes.byteLength;) {
          const { bytesRead } = await handle.read(bytes, done, bytes.byteLength - done, begin + done);
          if (bytesRead === 0)
            throw new LabError('FetchError', `${path} became shorter while it was read.`, 'Load it again.');
          done += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

/** One process at a time appends to a file; the lock of a process that is gone counts for nothing. */
async function lock(path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`;
  const unlock = (): Promise<void> => rm(file, { force: true });
  for (let tries = 0; tries < 2; tries++) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return unlock;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const holder = Number(await readFile(file, 'utf8').catch(() => ''));
      if (holder > 0 && holder !== process.pid && isAlive(holder)) break;
      await unlock();
    }
  }
  throw new LabError(
    'FetchError',
    `${basename(path)} is being downloaded by another run.`,
    'Wait until that is done, then run again.',
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LabError(
      'FetchError',
      `${path}: cannot be written: ${reason}.`,
      'Make room, or set PRUNELAB_CACHE to another folder.',
      { cause },
    );
  }
}
