/** Data sets of the Hub: a commit, one parquet file of it, kept like models; its rows. */
import { LabError } from '../core/errors';
import { listRepo, resolveRepo, type HubFile, type HubOptions, type HubRepo } from './hub';
import { repoFolder, storedPath } from './hubCache';
import { downloadFile } from './hubDownload';
import { isUnreachable } from './hubErrors';
import type { HubStorage } from './hubStorage';
import type { ByteSource } from './source';

export interface DatasetOptions extends HubOptions {
  storage: HubStorage;
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** A parquet reader holds the file; the largest that is read here has 12 MB. */
const MAX_PARQUET_BYTES = 256 << 20;

/** How a report names a file of a data set. */
export function sourceOf(repo: HubRepo, path: string): string {
  return `hf:${repo.name}@${repo.commit}/${path}`;
}

/** The commit by the Hub, or as it was known earlier when no network is there. */
export async function resolveDataset(
  name: string,
  revision: string,
  options: DatasetOptions,
): Promise<HubRepo> {
  const { storage } = options;
  const place = (at: string): string =>
    `${repoFolder({ kind: 'dataset', name })}/refs/${encodeURIComponent(at)}.json`;
  try {
    const repo = await resolveRepo('dataset', name, revision, options);
    const bytes = new TextEncoder().encode(JSON.stringify({ commit: repo.commit }));
    for (const at of new Set([revision, repo.commit])) await storage.write(place(at), bytes);
    return repo;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const known = await storage.read(place(revision));
    if (!known) throw error;
    const { commit } = JSON.parse(new TextDecoder().decode(known)) as { commit?: unknown };
    if (typeof commit !== 'string' || !/^[0-9a-f]{40,64}$/.test(commit)) throw error;
    return { kind: 'dataset', name, revision, commit };
  }
}

/** A parquet file of the commit, fetched where it is not stored yet. FetchError, or TextError where it is too large. */
export async function storedParquet(
  repo: HubRepo,
  path: string,
  options: DatasetOptions,
): Promise<ByteSource> {
  const { storage } = options;
  const place = storedPath(repo, path);
  let source = await storage.source(place);
  if (!source) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const file = (await listRepo(repo, options, folder)).find((f) => f.path === path);
    if (!file) {
      throw new LabError(
        'FetchError',
        `${repo.name}: there is no file ${path} at commit ${repo.commit.slice(0, 12)}.`,
        'Use another revision.',
      );
    }
    checkParquetSize(file);
    await downloadFile(storage, place, repo, file, {
      ...options,
      onProgress: (bytes) => options.onProgress?.(bytes, file.size),
    });
    source = await storage.source(place);
  }
  if (!source) throw new LabError('FetchError', `${path} is gone from the storage.`, 'Try again.');
  return source;
}

function checkParquetSize({ path, size }: HubFile): void {
  if (size <= MAX_PARQUET_BYTES) return;
  throw new LabError(
    'TextError',
    `${path} has ${size} bytes; at most ${MAX_PARQUET_BYTES} are read.`,
    'Use another split.',
  );
}

/** Rows of a parquet file. The reader is loaded with the first. TextError when it lacks one of the columns. */
export async function parquetRows(
  name: string,
  source: ByteSource,
  columns: string[],
): Promise<Record<string, unknown>[]> {
  const [{ parquetReadObjects }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const bytes = await source.read(0, source.size);
  try {
    return await parquetReadObjects({ file: bytes.buffer, columns, compressors });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
    throw new LabError(
      'TextError',
      `${name}: not a parquet file with a column ${columns.map((c) => `"${c}"`).join(', ')}: ${reason}.`,
      'Delete it from the storage and try again.',
      { cause },
    );
  }
}
