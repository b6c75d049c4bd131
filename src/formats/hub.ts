/**
 * The Hugging Face Hub: resolving a name to a commit and a list of files with sizes (nothing of the files is fetched
 * for that), then bytes of those files at that commit. `@huggingface/hub` is loaded with the first call.
 */
import { concat } from '../core/concat';
import { LabError, throwIfAborted } from '../core/errors';
import { bufferedSource } from './bufferedSource';
import { hubFailure, hubRefusal, type HubSubject } from './hubErrors';
import { isRevision, parseHubId, type HubId } from './hubId';
import { httpSource } from './httpSource';
import { pieces, request, withTries, type FetchLike, type HttpOptions } from './httpTry';
import type { ModelFiles } from './source';

export interface HubOptions {
  fetch: FetchLike;
  /** Address of another Hub; the public one when absent. */
  hubUrl?: string;
  /** A read token. Sent to the Hub's own origin only; never stored, never part of a message. */
  accessToken?: string;
  /** How this user gives a token, for remedies: "set HF_TOKEN to a read token". */
  tokenHint?: string;
  signal?: AbortSignal;
  /** As of HttpOptions. */
  wait?: HttpOptions['wait'];
  stallMs?: number;
}

export interface HubFile {
  path: string;
  size: number;
  /** Of large files, as the Hub states it. */
  sha256: string | null;
}

/** A repository at a commit. */
export interface HubRepo {
  kind: 'model' | 'dataset';
  /** owner/name. */
  name: string;
  /** As asked for. */
  revision: string;
  /** What it stands for: a commit hash. Every file is asked for at this commit. */
  commit: string;
}

export interface HubModel extends HubRepo {
  /** The one weight file that was asked for. */
  file?: string;
  /** Only what the lab needs: config, tokenizer, weights, licence, card. */
  files: HubFile[];
  bytes: number;
}

/** More than any model has at its top level. */
const MAX_FILES = 5000;
/** An answer of the Hub's API: a page of a listing has some hundred kB. */
const MAX_ANSWER_BYTES = 32 << 20;
const HUB_URL = 'https://huggingface.co';
const RE_WANTED =
  /^(config\.json|generation_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|(tokenizer|spiece)[\w.-]*|chat_template\.(jinja|json)|README\.md|USE_POLICY\.md|(LICEN[CS]E|NOTICE|COPYING)[\w.]*|adapter_config\.json|pruning\.json|[^/\\]+\.(safetensors|gguf)|model\.safetensors\.index\.json)$/i;
const RE_WEIGHTS = /\.(safetensors|gguf)$/i;
/** Weights that are not read: their presence makes a better message than "no weights". */
const RE_OTHER_WEIGHTS = /^(pytorch_model.*\.bin|[^/\\]+\.(pth|ckpt|onnx|h5|msgpack))$/;

/** The Hub's address without a slash at the end. SpecError when it is none. */
export function hubBase(options: Pick<HubOptions, 'hubUrl'>): string {
  const given = options.hubUrl || HUB_URL;
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol)) {
    throw new LabError(
      'SpecError',
      `"${given.slice(0, 120)}" is no address of a Hub.`,
      'Give it as https://….',
    );
  }
  return given.replace(/\/+$/, '');
}

/** Asks which commit a revision is. FetchError by cause: gated, not found, too many requests, offline. */
export async function resolveRepo(
  kind: HubRepo['kind'],
  name: string,
  revision: string,
  options: HubOptions,
): Promise<HubRepo> {
  const { modelInfo, datasetInfo } = await import('@huggingface/hub');
  return guarded(name, options, async () => {
    const subject = { kind, name, revision };
    const query = { name, revision, hubUrl: hubBase(options), fetch: apiFetch(subject, options) };
    const { sha } = await (kind === 'model'
      ? modelInfo({ ...query, additionalFields: ['sha'] })
      : datasetInfo({ ...query, additionalFields: ['sha'] }));
    if (typeof sha !== 'string' || !/^[0-9a-f]{40,64}$/.test(sha)) {
      throw new LabError(
        'FetchError',
        `${name}: the Hub gave no commit for revision ${revision}.`,
        'Try again later.',
      );
    }
    return { kind, name, revision, commit: sha };
  });
}

/** Files of a repository at its commit, of one folder (default: the top level), as the Hub lists them. */
export async function listRepo(repo: HubRepo, options: HubOptions, path?: string): Promise<HubFile[]> {
  const { listFiles } = await import('@huggingface/hub');
  return guarded(repo.name, options, async () => {
    const found: HubFile[] = [];
    const query = {
      repo: { type: repo.kind, name: repo.name },
      revision: repo.commit,
      hubUrl: hubBase(options),
      fetch: apiFetch(repo, options),
      ...(path !== undefined && { path }),
    };
    let seen = 0;
    for await (const file of listFiles(query)) {
      if (++seen > MAX_FILES) {
        throw new LabError(
          'FetchError',
          `${repo.name}: more than ${MAX_FILES} files at its top level.`,
          'Download what you need and open the folder.',
        );
      }
      if (file.type !== 'file' || typeof file.path !== 'string') continue;
      if (!Number.isSafeInteger(file.size) || file.size < 0) continue;
      const oid = file.lfs?.oid;
      const sha256 = typeof oid === 'string' && /^[0-9a-f]{64}$/.test(oid) ? oid : null;
      found.push({ path: file.path, size: file.size, sha256 });
    }
    return found;
  });
}

/** Resolves a model before anything of it is fetched. `text` as of parseHubId; `commit` pins what was resolved before. */
export async function resolveHub(
  text: string,
  options: HubOptions & { revision?: string; commit?: string },
): Promise<HubModel> {
  const id = parseHubId(text, hubBase(options));
  const revision = options.revision ?? id.revision ?? 'main';
  if (!isRevision(revision)) {
    throw new LabError(
      'SpecError',
      `"${revision.slice(0, 120)}" is no revision.`,
      'Give a branch, tag or commit.',
    );
  }
  const repo = await resolveRepo('model', id.name, options.commit ?? revision, options);
  const listed = await listRepo(repo, options);
  const wanted = listed.filter((f) => RE_WANTED.test(f.path));
  const files = onlyNeededWeights({ ...id, revision }, wanted, listed);
  return {
    ...repo,
    revision,
    ...(id.file !== undefined && { file: id.file }),
    files,
    bytes: files.reduce((sum, f) => sum + f.size, 0),
  };
}

/** Repositories often hold the same weights in several layouts; one of them is read. */
function onlyNeededWeights(id: HubId & { revision: string }, files: HubFile[], listed: HubFile[]): HubFile[] {
  const paths = new Set(files.map((f) => f.path));
  const without = files.filter((f) => !RE_WEIGHTS.test(f.path) && !f.path.endsWith('.index.json'));
  const refuse = (what: string, remedy: string): LabError =>
    new LabError('FetchError', `${id.name}: ${what}`, remedy);
  if (id.file !== undefined) {
    const one = files.find((f) => f.path === id.file);
    if (!one) throw refuse(`there is no file ${id.file} at revision ${id.revision}.`, 'Check its name.');
    return [...without, one];
  }
  const isShard = (path: string): boolean => /^model-\d{5}-of-\d{5}\.safetensors$/.test(path);
  if (paths.has('model.safetensors'))
    return files.filter((f) => f.path === 'model.safetensors' || without.includes(f));
  if (paths.has('model.safetensors.index.json')) {
    return files.filter(
      (f) => f.path === 'model.safetensors.index.json' || isShard(f.path) || without.includes(f),
    );
  }
  const safetensors = files.filter((f) => /\.safetensors$/i.test(f.path));
  if (safetensors.length > 0) return [...without, ...safetensors];
  const gguf = files.filter((f) => /\.gguf$/i.test(f.path));
  if (gguf.length === 1) return [...without, ...gguf];
  if (gguf.length > 1) {
    const names = gguf.map((f) => f.path);
    throw refuse(
      `${names.length} GGUF files at revision ${id.revision}: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}.`,
      `Name one of them: hf:${id.name}/${names[0] ?? 'file.gguf'}.`,
    );
  }
  const others = listed.filter((f) => RE_OTHER_WEIGHTS.test(f.path)).map((f) => f.path);
  const has = others.length > 0 ? ` It has ${others.slice(0, 2).join(', ')}.` : '';
  throw refuse(
    `no safetensors weights at revision ${id.revision}.${has}`,
    'Choose a model, or a revision, with safetensors or GGUF weights.',
  );
}

/** Where a file of a repository lies and how it is asked for. */
export function fileRequest(
  repo: HubRepo,
  path: string,
  options: HubOptions,
): { url: string; http: HttpOptions } {
  const { wait, stallMs, signal } = options;
  const base = hubBase(options);
  const folder = repo.kind === 'dataset' ? `${base}/datasets/${repo.name}` : `${base}/${repo.name}`;
  return {
    url: `${folder}/resolve/${repo.commit}/${path.split('/').map(encodeURIComponent).join('/')}`,
    http: {
      fetch: hubFetch(options),
      signal,
      wait,
      stallMs,
      error: (_, status, response) => hubRefusal(subjectOf(repo, options, path), status, response),
    },
  };
}

export interface HubFilesOptions extends HubOptions {
  /** Bytes that have come over the network so far; a file read twice counts twice. */
  onProgress?(fetchedBytes: number): void;
  /** Bytes of one request for weights at least: small where only headers are wanted. */
  blockBytes?: number;
}

/** The files by ranges, in blocks of 16 MiB (or as said) so that many small reads are few requests. */
export function hubFiles(model: HubModel, options: HubFilesOptions): ModelFiles {
  let fetched = 0;
  const files = new Map(model.files.map((f) => [f.path, f]));
  return {
    name: model.name,
    origin: hubOrigin(model),
    paths: model.files.map(({ path, size }) => ({ path, size })),
    async open(path) {
      const file = files.get(path);
      if (!file) throw new LabError('FetchError', `${model.name}: no file ${path}.`);
      const { url, http } = fileRequest(model, path, options);
      const source = await httpSource(path, url, {
        ...http,
        size: file.size,
        onBytes: (bytes) => options.onProgress?.((fetched += bytes)),
      });
      return bufferedSource(source, RE_WEIGHTS.test(path) ? options.blockBytes : undefined);
    },
  };
}

/** What a report says about where a model came from. */
export function hubOrigin(model: HubRepo & { file?: string }): NonNullable<ModelFiles['origin']> {
  const file = model.file === undefined ? '' : `/${model.file}`;
  return { source: `hf:${model.name}${file}@${model.commit}`, commit: model.commit };
}

/** `fetch` that adds the token where it belongs, and takes it off everywhere else. */
export function hubFetch(options: HubOptions): FetchLike {
  const token = checkToken(options.accessToken);
  const { origin } = new URL(hubBase(options));
  return (url, init) => {
    const headers = new Headers(init?.headers);
    headers.delete('authorization');
    // A redirect to another origin loses it: fetch itself sees to that.
    if (token !== undefined && new URL(url).origin === origin)
      headers.set('authorization', `Bearer ${token}`);
    return options.fetch(url, {
      ...init,
      headers: Object.fromEntries(headers),
      // The lab keeps what it needs by itself; a browser's cache would keep it twice and answer for the Hub.
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
  };
}

/** `fetch` for `@huggingface/hub`: tries again, limits silence and size, and names refusals. */
function apiFetch(repo: Pick<HubRepo, 'kind' | 'name' | 'revision'>, options: HubOptions): typeof fetch {
  const fetchHub = hubFetch(options);
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const http: HttpOptions = {
      signal: options.signal,
      wait: options.wait,
      stallMs: options.stallMs,
      fetch: (address, more) => fetchHub(address, { ...init, ...more }),
      error: (_, status, response) => hubRefusal(subjectOf(repo, options), status, response),
    };
    return withTries(repo.name, http, async (watch) => {
      const headers = Object.fromEntries(new Headers(init?.headers));
      const response = await request(repo.name, url, headers, http, watch);
      const parts: Uint8Array[] = [];
      let total = 0;
      for await (const piece of pieces(repo.name, response, http, watch)) {
        total += piece.byteLength;
        if (total > MAX_ANSWER_BYTES)
          throw new LabError(
            'FetchError',
            `${repo.name}: the Hub's answer is longer than ${MAX_ANSWER_BYTES} bytes.`,
          );
        parts.push(piece);
      }
      return new Response(concat(parts, total), { status: 200, headers: response.headers });
    });
  };
}

function subjectOf(
  repo: Pick<HubRepo, 'kind' | 'name' | 'revision'>,
  options: HubOptions,
  file?: string,
): HubSubject {
  const page = `${hubBase(options)}/${repo.kind === 'dataset' ? 'datasets/' : ''}${repo.name}`;
  return {
    kind: repo.kind,
    name: repo.name,
    revision: repo.revision,
    ...(file !== undefined && { file }),
    page,
    hasToken: Boolean(options.accessToken),
    tokenHint: options.tokenHint ?? 'give a read token',
  };
}

async function guarded<T>(name: string, options: HubOptions, work: () => Promise<T>): Promise<T> {
  throwIfAborted(options.signal);
  try {
    return await work();
  } catch (error) {
    throwIfAborted(options.signal);
    throw hubFailure(name, error);
  }
}

function checkToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (trimmed === undefined || trimmed === '') return undefined;
  if (!/^hf_\w+$/.test(trimmed)) {
    throw new LabError(
      'SpecError',
      'The access token of the Hub does not begin with "hf_".',
      'Give a read token as the Hub shows it.',
    );
  }
  return trimmed;
}
