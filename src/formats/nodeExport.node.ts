/** Exports on disk: written under a temporary name beside the target, renamed when verified. */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LabError } from '../core/errors';
import type { ExportSink } from './sink';
import type { ExportedFolder } from './verifyExport';

export interface NodeExport {
  sink: ExportSink;
  /** The written files, opened anew. */
  folder: ExportedFolder;
  /** Gives the folder its name. */
  commit(): Promise<void>;
}

/**
 * `out` must not exist or be empty, unless `force`, which replaces it as a whole. SpecError otherwise; FetchError
 * when it cannot be written.
 */
export async function nodeExport(out: string, options: { force?: boolean } = {}): Promise<NodeExport> {
  const target = resolve(out);
  const existing = await readdir(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw new LabError(
      'SpecError',
      `--out ${out}: not a folder (${cause.code ?? cause.message}).`,
      'Name a new folder.',
    );
  });
  if (existing && existing.length > 0 && !options.force) {
    throw new LabError(
      'SpecError',
      `--out ${out}: the folder is not empty.`,
      'Name a new folder, or add --force to replace it.',
    );
  }
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  await rm(temporary, { recursive: true, force: true });
  await writing(temporary, () => mkdir(temporary, { recursive: true }));
  return {
    sink: nodeSink(temporary),
    folder: nodeExported(temporary),
    commit: () =>
      writing(target, async () => {
        if (existing) await rm(target, { recursive: true, force: true });
        await rename(temporary, target);
      }),
  };
}

/** A sink that writes into `folder`, which exists; `abort` removes the whole folder. */
export function nodeSink(folder: string): ExportSink {
  const handles = new Map<string, FileHandle>();
  const place = (path: string): string => {
    if (path !== basename(path) || path.startsWith('.'))
      throw new LabError('VerifyError', `"${path}" is no file name of an export.`);
    return join(folder, path);
  };
  const readable = nodeExported(folder);
  return {
    async create(path) {
      handles.set(path, await writing(path, () => open(place(path), 'w')));
    },
    async write(path, bytes) {
      const handle = handles.get(path);
      if (!handle) throw new LabError('InternalError', `${path} is not open.`);
      for (let at = 0; at < bytes.byteLength;) {
        at += (await writing(path, () => handle.write(bytes, at, bytes.byteLength - at))).bytesWritten;
      }
    },
    async close(path) {
      const handle = handles.get(path);
      handles.delete(path);
      // On disk before pruning.json says so.
      await writing(path, async () => {
        await handle?.sync();
        await handle?.close();
      });
    },
    size: (path) => readable.size(path),
    read: (path, begin, end) => readable.read(path, begin, end),
    async abort() {
      for (const handle of handles.values()) await handle.close().catch(() => undefined);
      handles.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An exported folder on disk. FetchError when it cannot be read. */
export function nodeExported(folder: string): ExportedFolder {
  const reading = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LabError('FetchError', `${path}: cannot be read: ${reason}.`, undefined, { cause });
    }
  };
  return {
    list: () => reading(folder, () => readdir(folder)),
    size: (path) => reading(path, async () => (await stat(join(folder, path))).size),
    read: (path, begin, end) =>
      reading(path, async () => {
        const handle = await open(join(folder, path), 'r');
        try {
          const bytes = new Uint8Array(end - begin);
          const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, begin);
          if (bytesRead !== bytes.byteLength)
            throw new LabError('FetchError', `${path}: shorter than expected.`);
          return bytes;
        } finally {
          await handle.close();
        }
      }),
  };
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LabError(
      'FetchError',
      `${path}: cannot be written: ${reason}.`,
      'Check the free space and the permissions.',
      { cause },
    );
  }
}
