/** Model files on disk, read by ranges. Each read opens and closes the file, so nothing has to be closed later. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LabError } from '../core/errors';
import { checkRange, type ByteSource, type ModelFiles } from './source';

/** A folder with more entries than this is not a model, and listing it would take long. */
const MAX_ENTRIES = 5000;
const RE_SHARD = /-\d{5}-of-\d{5}\.safetensors$/;
const RE_WEIGHTS = /\.(safetensors|gguf|bin|pt|pth)(\.index\.json)?$/;

/**
 * A folder in Hugging Face layout (one nested folder is looked into), or one weight file with what lies beside it.
 * FetchError names a path that does not exist or cannot be read.
 */
export async function nodeFiles(path: string): Promise<ModelFiles> {
  const full = resolve(path);
  const info = await stat(full).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (info.isDirectory()) return folder(full, basename(full));
  if (!info.isFile()) throw new LabError('FetchError', `${path}: neither a folder nor a file.`);
  const file = basename(full);
  const parent = dirname(full);
  // A shard stands for its whole model; any other weight file is meant alone.
  if (RE_SHARD.test(file)) return flatFolder(parent, basename(parent), () => true);
  const name = file === 'model.safetensors' ? basename(parent) : file.replace(/\.[a-z]+$/, '');
  return flatFolder(parent, name, (other) => other === file || !RE_WEIGHTS.test(other));
}

type Paths = { path: string; size: number }[];

async function folder(root: string, name: string): Promise<ModelFiles> {
  const budget = { left: MAX_ENTRIES };
  const top = await list(root, '', budget);
  const paths = top.files;
  if (!paths.some((f) => f.path === 'config.json')) {
    for (const inner of top.folders) paths.push(...(await list(root, `${inner}/`, budget)).files);
  }
  return filesOf(root, name, paths);
}

async function flatFolder(
  root: string,
  name: string,
  wanted: (file: string) => boolean,
): Promise<ModelFiles> {
  const { files } = await list(root, '', { left: MAX_ENTRIES });
  return filesOf(
    root,
    name,
    files.filter((f) => wanted(f.path)),
  );
}

async function list(
  root: string,
  prefix: string,
  budget: { left: number },
): Promise<{ files: Paths; folders: string[] }> {
  const entries = await readdir(join(root, prefix)).catch((cause: unknown) => {
    throw unreadable(join(root, prefix), cause);
  });
  budget.left -= entries.length;
  if (budget.left < 0) {
    throw new LabError(
      'FetchError',
      `${root}: more than ${MAX_ENTRIES} files.`,
      'Give the model’s own folder.',
    );
  }
  const files: Paths = [];
  const folders: string[] = [];
  for (const entry of entries.sort()) {
    if (entry.startsWith('.')) continue;
    const path = join(root, prefix, entry);
    // stat follows links; a link to nowhere is simply not there, unless it is a file the model may need.
    const info = await stat(path).catch((cause: unknown) => {
      if (/\.(safetensors|json)$/.test(entry)) throw unreadable(path, cause);
      return null;
    });
    if (info?.isFile()) files.push({ path: prefix + entry, size: info.size });
    else if (info?.isDirectory()) folders.push(prefix + entry);
  }
  return { files, folders };
}

function filesOf(root: string, name: string, paths: Paths): ModelFiles {
  return {
    name,
    paths,
    open: (path) => {
      if (!paths.some((f) => f.path === path)) {
        return Promise.reject(new LabError('FetchError', `${join(root, path)}: no such file.`));
      }
      return nodeSource(join(root, path), path);
    },
  };
}

/** One file as a byte source; `name` is what messages call it. FetchError when it cannot be read or changed. */
export async function nodeSource(path: string, name = basename(path)): Promise<ByteSource> {
  const first = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return {
    name,
    size: first.size,
    async read(begin, end, signal) {
      checkRange({ name, size: first.size }, begin, end);
      const handle = await open(path, 'r').catch((cause: unknown) => {
        throw unreadable(path, cause);
      });
      try {
        const now = await handle.stat();
        if (now.size !== first.size || now.mtimeMs !== first.mtimeMs || now.ino !== first.ino) {
          throw new LabError(
            'FetchError',
            `${path}: the file changed while it was being read.`,
            'Run again.',
          );
        }
        const bytes = new Uint8Array(end - begin);
        for (let at = 0; at < bytes.length;) {
          if (signal?.aborted) throw new LabError('CancelledError', 'Cancelled.');
          const { bytesRead } = await handle.read(
            bytes,
            at,
            Math.min(bytes.length - at, 1 << 26),
            begin + at,
          );
          if (bytesRead === 0)
            throw new LabError('FetchError', `${path}: ended at byte ${begin + at} of ${first.size}.`);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

function unreadable(path: string, cause: unknown): LabError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new LabError(
      'FetchError',
      `${path}: no such file or folder.`,
      'Check the path; a Hub model is written hf:owner/name.',
      { cause },
    );
  }
  const reason =
    code === 'EACCES' || code === 'EPERM'
      ? 'not readable by this user'
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return new LabError('FetchError', `${path}: ${reason}.`, undefined, { cause });
}
