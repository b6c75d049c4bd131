/**
 * Models and texts of the Hub, kept by repository, commit and file: `<owner>--<name>/<commit>/<file>`. What a name
 * stood for is kept beside them (`refs/`), for the next time without a network.
 */
import { LabError } from '../core/errors';
import { hubBase, hubFiles, hubOrigin, resolveHub, type HubFile, type HubModel, type HubOptions, type HubRepo } from './hub'; // prettier-ignore
import { downloadFile, partBytes, type DownloadOptions } from './hubDownload';
import { isUnreachable } from './hubErrors';
import { parseHubId } from './hubId';
import type { HubStorage } from './hubStorage';
import { isJsonObject } from './json';
import type { ModelFiles } from './source';

export interface CacheOptions extends HubOptions, Pick<DownloadOptions, 'gate' | 'pauseSignal'> {
  /** As of resolveHub. */
  revision?: string;
  commit?: string;
  /** After resolving, before anything is fetched: what there is, and how much of it is not stored yet. */
  onResolved?(model: HubModel, missingBytes: number): void;
  onProgress?(doneBytes: number, totalBytes: number): void;
  /** Said when the Hub is out of reach and what was resolved before is used. */
  onWarning?(text: string): void;
}

/** Folder of a repository, and of one commit in it. */
export function repoFolder(repo: Pick<HubRepo, 'kind' | 'name'>): string {
  return `${repo.kind === 'dataset' ? 'datasets--' : ''}${repo.name.replace('/', '--')}`;
}

/** Where a file of a repository is stored; folders inside it become part of the file's name. */
export function storedPath(repo: Pick<HubRepo, 'kind' | 'name' | 'commit'>, path: string): string {
  return `${repoFolder(repo)}/${repo.commit}/${encodeURIComponent(path)}`;
}

/** Resolves, downloads what is missing, and gives the files. `id` as of parseHubId. */
export async function openHubStored(
  id: string,
  storage: HubStorage,
  options: CacheOptions,
): Promise<{ model: HubModel; files: ModelFiles }> {
  const model = await resolveStored(id, storage, options);
  options.onResolved?.(model, await missingBytes(model, storage));
  await downloadModel(model, storage, options);
  return { model, files: storedFiles(model, storage) };
}

/** Resolves by the Hub, or by what it said earlier when no network is there. */
export async function resolveStored(
  id: string,
  storage: HubStorage,
  options: CacheOptions,
): Promise<HubModel> {
  const parsed = parseHubId(id, hubBase(options));
  const revision = options.revision ?? parsed.revision ?? 'main';
  const key = (name: string): string => refPath({ kind: 'model', name: parsed.name }, name, parsed.file);
  try {
    const model = await resolveHub(id, options);
    const bytes = new TextEncoder().encode(JSON.stringify(model));
    // By the commit as well: it may be asked for by that name.
    for (const name of new Set([revision, model.commit])) await storage.write(key(name), bytes);
    return model;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const known = await readModel(storage, key(options.commit ?? revision));
    if (!known) throw error;
    options.onWarning?.(
      `The Hub cannot be reached; ${parsed.name} is taken as stored here, at commit ${known.commit.slice(0, 12)}.`,
    );
    return { ...known, revision };
  }
}

function refPath(repo: Pick<HubRepo, 'kind' | 'name'>, revision: string, file?: string): string {
  return `${repoFolder(repo)}/refs/${encodeURIComponent(file === undefined ? revision : `${file}@${revision}`)}.json`;
}

async function readModel(storage: HubStorage, path: string): Promise<HubModel | null> {
  const bytes = await storage.read(path);
  if (!bytes) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isModel(value) ? value : null;
  } catch {
    return null;
  }
}

function isModel(value: unknown): value is HubModel {
  if (!isJsonObject(value) || !Array.isArray(value.files)) return false;
  const { name, commit, bytes, kind } = value;
  return (
    kind === 'model' &&
    typeof name === 'string' &&
    typeof commit === 'string' &&
    /^[0-9a-f]{40,64}$/.test(commit) &&
    typeof bytes === 'number' &&
    value.files.every(
      (f: unknown) => isJsonObject(f) && typeof f.path === 'string' && typeof f.size === 'number',
    )
  );
}

/** Bytes of a model that would have to be fetched now. */
export async function missingBytes(model: HubModel, storage: HubStorage): Promise<number> {
  let missing = 0;
  for (const file of model.files) {
    const path = storedPath(model, file.path);
    if (!(await isStored(storage, path, file))) missing += file.size - (await partBytes(storage, path, file));
  }
  return missing;
}

/** Downloads what is missing of a resolved model. */
export async function downloadModel(
  model: HubModel,
  storage: HubStorage,
  options: CacheOptions,
): Promise<void> {
  const missing: HubFile[] = [];
  for (const file of model.files)
    if (!(await isStored(storage, storedPath(model, file.path), file))) missing.push(file);
  // Small files first: what cannot be opened is then known before the weights come.
  missing.sort((a, b) => a.size - b.size);
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const file of missing) {
    await downloadFile(storage, storedPath(model, file.path), model, file, {
      ...options,
      onProgress: (bytes) => options.onProgress?.(before + bytes, total),
    });
    before += file.size;
  }
}

async function isStored(storage: HubStorage, path: string, file: HubFile): Promise<boolean> {
  return (await storage.source(path))?.size === file.size;
}

/** The files of a model that is stored whole. */
export function storedFiles(model: HubModel, storage: HubStorage): ModelFiles {
  return {
    name: model.name,
    origin: hubOrigin(model),
    paths: model.files.map(({ path, size }) => ({ path, size })),
    async open(path) {
      const file = model.files.find((f) => f.path === path);
      const source = file && (await storage.source(storedPath(model, path)));
      if (!source)
        throw new LabError(
          'FetchError',
          `${model.name}: no file ${path} is stored.`,
          'Load the model again.',
        );
      return { ...source, name: path };
    },
  };
}

/** One request for headers: most fit in, and a few times this is soon there. */
const HEADER_BLOCK_BYTES = 128 << 10;

/** Files to look into without keeping anything: what is stored is read from there, the rest by small ranges. */
export async function headerFiles(
  model: HubModel,
  storage: HubStorage,
  options: HubOptions,
): Promise<ModelFiles> {
  const remote = hubFiles(model, { ...options, blockBytes: HEADER_BLOCK_BYTES });
  const local = storedFiles(model, storage);
  const here = new Set<string>();
  for (const file of model.files)
    if (await isStored(storage, storedPath(model, file.path), file)) here.add(file.path);
  return {
    ...remote,
    remote: here.size < model.files.length,
    open: (path) => (here.has(path) ? local : remote).open(path),
  };
}

/** One commit of one repository, as it is stored. */
export interface StoredRepo {
  /** Its folder: names it in `removeStored`. */
  id: string;
  kind: HubRepo['kind'];
  name: string;
  commit: string;
  bytes: number;
  files: number;
  /** False for a model of which something is missing. */
  complete: boolean;
}

export async function listStored(storage: HubStorage): Promise<StoredRepo[]> {
  const found: StoredRepo[] = [];
  for (const folder of await storage.list('')) {
    if (!folder.folder || !/^(datasets--)?[^-].*--/.test(folder.name)) continue;
    const kind = folder.name.startsWith('datasets--') ? 'dataset' : 'model';
    const name = folder.name.replace(/^datasets--/, '').replace('--', '/');
    for (const commit of await storage.list(folder.name)) {
      if (!commit.folder || !/^[0-9a-f]{40,64}$/.test(commit.name)) continue;
      const id = `${folder.name}/${commit.name}`;
      const entries = (await storage.list(id)).filter((e) => !/\.(part\.json|lock|tmp)$/.test(e.name));
      const known = await readModel(storage, refPath({ kind, name }, commit.name));
      const sizes = new Map(entries.map((e) => [e.name, e.size]));
      const whole = known?.files.every((f) => sizes.get(encodeURIComponent(f.path)) === f.size);
      found.push({
        id,
        kind,
        name,
        commit: commit.name,
        bytes: entries.reduce((sum, e) => sum + e.size, 0),
        files: entries.length,
        complete: whole ?? !entries.some((e) => e.name.endsWith('.part')),
      });
    }
  }
  return found.filter((repo) => repo.files > 0).sort((a, b) => b.bytes - a.bytes);
}

/** Takes one commit away (`id` of listStored), or everything (null). */
export async function removeStored(storage: HubStorage, id: string | null): Promise<void> {
  for (const repo of await listStored(storage)) {
    if (id !== null && repo.id !== id) continue;
    await storage.remove(repo.id);
    const folder = repo.id.slice(0, repo.id.indexOf('/'));
    const left = (await storage.list(folder)).some((e) => e.folder && e.name !== 'refs');
    if (!left) await storage.remove(folder);
  }
}
