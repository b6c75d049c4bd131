/**
 * Models of the Hub kept on disk, by commit: `<cache>/<owner>--<name>/<commit>/`. A file appears under its name only
 * when it is complete, and right where the Hub states its SHA-256. A second run reads the disk.
 */
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { LabError, throwIfAborted } from '../core/errors';
import {
  hubFiles,
  isUnreachable,
  parseHubId,
  resolveHub,
  type HubFile,
  type HubModel,
  type HubOptions,
} from './hub';
import { nodeFiles } from './nodeFiles.node';
import { sha256Stream } from './sha256';
import type { ByteSource, ModelFiles } from './source';

export interface HubCacheOptions extends HubOptions {
  /** Default: PRUNELAB_CACHE, else ~/.cache/prunelab. */
  folder?: string;
  /** After resolving, before anything is fetched: what there is, and how much of it is not on disk yet. */
  onResolved?(model: HubModel, missingBytes: number): void;
  onProgress?(doneBytes: number, totalBytes: number): void;
  /** Said when the Hub is out of reach and what was resolved before is used. */
  onWarning?(text: string): void;
  wait?: (n: number) => Promise<void>;
}

export function defaultCache(env: Record<string, string | undefined> = process.env): string {
  return env.PRUNELAB_CACHE || join(homedir(), '.cache', 'prunelab');
}

const CHUNK_BYTES = 16 << 20;

/** Resolves, downloads what is missing, and gives the folder. `id` as of parseHubId. */
export async function openHubCached(
  id: string,
  options: HubCacheOptions,
): Promise<{ model: HubModel; files: ModelFiles }> {
  const cache = options.folder ?? defaultCache();
  const model = await resolveCached(id, cache, options);
  const folder = join(cache, model.name.replace('/', '--'), model.commit);
  await writing(folder, () => mkdir(folder, { recursive: true }));
  const missing: HubFile[] = [];
  for (const file of model.files)
    if (!(await isThere(join(folder, file.path), file.size))) missing.push(file);
  const totalBytes = missing.reduce((sum, f) => sum + f.size, 0);
  options.onResolved?.(model, totalBytes);
  let doneBytes = 0;
  const { fetch, hubUrl, accessToken, signal, wait } = options;
  const remote = hubFiles(model, { fetch, hubUrl, accessToken, signal, wait });
  for (const file of missing) {
    await download(await remote.open(file.path), file, join(folder, file.path), signal, (bytes) => {
      options.onProgress?.((doneBytes += bytes), totalBytes);
    });
  }
  return { model, files: { ...(await nodeFiles(folder)), name: model.name } };
}

/** What a name stood for is kept as well, for the next time without a network. */
async function resolveCached(id: string, cache: string, options: HubCacheOptions): Promise<HubModel> {
  const { name, revision = 'main' } = parseHubId(id);
  const place = join(cache, name.replace('/', '--'), 'refs', `${encodeURIComponent(revision)}.json`);
  try {
    const model = await resolveHub(id, options);
    await writeWhole(place, JSON.stringify(model));
    return model;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const known = await readFile(place, 'utf8').then(
      (text) => JSON.parse(text) as HubModel,
      () => null,
    );
    if (!known) throw error;
    options.onWarning?.(
      `The Hub cannot be reached; ${name} is read from the disk as of commit ${known.commit.slice(0, 12)}.`,
    );
    return known;
  }
}

async function download(
  source: ByteSource,
  file: HubFile,
  target: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const temporary = `${target}.${process.pid}.part`;
  try {
    const hash = await sha256Stream();
    const handle = await writing(temporary, () => open(temporary, 'w'));
    try {
      for (let at = 0; at < file.size; at += CHUNK_BYTES) {
        throwIfAborted(signal);
        const bytes = await source.read(at, Math.min(file.size, at + CHUNK_BYTES), signal);
        hash.update(bytes);
        for (let done = 0; done < bytes.byteLength;) {
          done += (await writing(temporary, () => handle.write(bytes, done, bytes.byteLength - done)))
            .bytesWritten;
        }
        onBytes(bytes.byteLength);
      }
    } finally {
      await handle.close();
    }
    if (file.sha256 !== null && hash.finish() !== file.sha256) {
      throw new LabError(
        'FetchError',
        `${file.path}: what was downloaded differs from the Hub's SHA-256.`,
        'Try again.',
      );
    }
    await writing(target, () => rename(temporary, target));
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isThere(path: string, size: number): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile() && info.size === size,
    () => false,
  );
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  await writing(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, text);
    await rename(temporary, path);
  });
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LabError(
      'FetchError',
      `${path}: cannot be written: ${reason}.`,
      'Make room, or set PRUNELAB_CACHE to another folder.',
      { cause },
    );
  }
}
