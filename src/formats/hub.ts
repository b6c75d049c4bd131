/**
 * Models of the Hugging Face Hub: resolving a name to a commit and a list of files with sizes (nothing of the model
 * is fetched for that), then byte ranges of those files. `@huggingface/hub` is loaded with the first call.
 */
import { LabError, throwIfAborted } from '../core/errors';
import { bufferedSource } from './bufferedSource';
import { httpError, httpSource, type FetchLike } from './httpSource';
import type { ModelFiles } from './source';

export interface HubOptions {
  fetch: FetchLike;
  /** Address of another Hub; the public one when absent. */
  hubUrl?: string;
  accessToken?: string;
  signal?: AbortSignal;
}

export interface HubFile {
  path: string;
  size: number;
  /** Of large files, as the Hub states it. */
  sha256: string | null;
}

export interface HubModel {
  /** owner/name. */
  name: string;
  /** As asked for. */
  revision: string;
  /** What it stands for: a commit hash. */
  commit: string;
  /** Only what the lab needs: config, tokenizer, weights, licence, card. */
  files: HubFile[];
  bytes: number;
}

/** More than any model has at its top level. */
const MAX_FILES = 5000;
const RE_NAME = /^[\w.-]{1,96}\/[\w.-]{1,96}$/;
const RE_WANTED =
  /^(config\.json|generation_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|(tokenizer|spiece)[\w.-]*|chat_template\.(jinja|json)|README\.md|USE_POLICY\.md|(LICEN[CS]E|NOTICE|COPYING)[\w.]*|adapter_config\.json|[^/\\]+\.safetensors|model\.safetensors\.index\.json)$/i;
/** Other weights: listed by no one, but their presence makes a better message than "no weights". */
const RE_OTHER_WEIGHTS = /^(pytorch_model.*\.bin|[^/\\]+\.gguf)$/;

/** 'owner/name', 'owner/name@revision', 'hf:…' or the address of a model page. SpecError when it is neither. */
export function parseHubId(text: string): { name: string; revision: string | undefined } {
  let id = text.trim().replace(/^hf:/, '');
  let revision: string | undefined;
  if (/^https?:\/\//.test(id) && URL.canParse(id)) {
    const parts = new URL(id).pathname.split('/').filter((part) => part !== '');
    id = parts.slice(0, 2).join('/');
    if (parts[2] === 'tree' || parts[2] === 'resolve' || parts[2] === 'blob')
      revision = decodeURIComponent(parts[3] ?? '') || undefined;
  } else {
    const at = id.indexOf('@');
    if (at >= 0) {
      revision = id.slice(at + 1) || undefined;
      id = id.slice(0, at);
    }
  }
  const [owner = '', name = ''] = id.split('/');
  const dots = (part: string): boolean => /^\.+$/.test(part);
  if (!RE_NAME.test(id) || dots(owner) || dots(name) || (revision !== undefined && !isRevision(revision))) {
    throw new LabError(
      'SpecError',
      `"${text.slice(0, 120)}" is no model of the Hub.`,
      'Write owner/name or owner/name@revision.',
    );
  }
  return { name: id, revision };
}

function isRevision(revision: string): boolean {
  return revision.length <= 200 && !/[\s?#\\]|\.\./.test(revision);
}

/** Resolves a model before anything of it is fetched. FetchError by cause: gated, not found, too many requests, offline. */
export async function resolveHub(
  text: string,
  options: HubOptions & { revision?: string },
): Promise<HubModel> {
  const { name, revision: inName } = parseHubId(text);
  const revision = options.revision ?? inName ?? 'main';
  if (!isRevision(revision)) throw new LabError('SpecError', `"${revision.slice(0, 120)}" is no revision.`);
  const { modelInfo, listFiles } = await import('@huggingface/hub');
  const shared = {
    hubUrl: options.hubUrl,
    accessToken: checkToken(options.accessToken),
    fetch: boundFetch(options),
  };
  try {
    const { sha } = await modelInfo({ name, revision, additionalFields: ['sha'], ...shared });
    if (typeof sha !== 'string' || !/^[0-9a-f]{40,64}$/.test(sha)) {
      throw new LabError('FetchError', `${name}: the Hub gave no commit for revision ${revision}.`);
    }
    const all: HubFile[] = [];
    const others: string[] = [];
    let seen = 0;
    for await (const file of listFiles({ repo: { type: 'model', name }, revision: sha, ...shared })) {
      if (++seen > MAX_FILES) throw new LabError('FetchError', `${name}: more than ${MAX_FILES} files.`);
      if (file.type !== 'file' || typeof file.path !== 'string') continue;
      if (RE_OTHER_WEIGHTS.test(file.path)) others.push(file.path);
      if (!RE_WANTED.test(file.path) || !Number.isSafeInteger(file.size) || file.size < 0) continue;
      const oid = file.lfs?.oid;
      const sha256 = typeof oid === 'string' && /^[0-9a-f]{64}$/.test(oid) ? oid : null;
      all.push({ path: file.path, size: file.size, sha256 });
    }
    const files = onlyNeededWeights(all);
    if (!files.some((f) => f.path.endsWith('.safetensors'))) {
      const has = others.length > 0 ? ` It has ${others.slice(0, 2).join(', ')}.` : '';
      throw new LabError(
        'FetchError',
        `${name}: no safetensors weights at revision ${revision}.${has}`,
        'Choose a model, or a revision, with safetensors.',
      );
    }
    return { name, revision, commit: sha, files, bytes: files.reduce((sum, f) => sum + f.size, 0) };
  } catch (error) {
    throwIfAborted(options.signal);
    throw hubFailure(name, revision, error);
  }
}

/** Repositories often hold the same weights in several layouts; one of them is read. */
function onlyNeededWeights(files: HubFile[]): HubFile[] {
  const paths = new Set(files.map((f) => f.path));
  const isShard = (path: string): boolean => /^model-\d{5}-of-\d{5}\.safetensors$/.test(path);
  const needed = (path: string): boolean => {
    if (!/\.safetensors(\.index\.json)?$/.test(path)) return true;
    if (paths.has('model.safetensors')) return path === 'model.safetensors';
    if (paths.has('model.safetensors.index.json'))
      return path === 'model.safetensors.index.json' || isShard(path);
    return true;
  };
  return files.filter((f) => needed(f.path));
}

export interface HubFilesOptions extends HubOptions {
  /** Bytes that have come over the network so far; a file read twice counts twice. */
  onProgress?(fetchedBytes: number): void;
  /** As of httpSource. */
  wait?: (n: number) => Promise<void>;
}

/** The files by ranges, in blocks of 16 MiB so that many small reads are few requests. */
export function hubFiles(model: HubModel, options: HubFilesOptions): ModelFiles {
  let fetched = 0;
  const files = new Map(model.files.map((f) => [f.path, f]));
  return {
    name: model.name,
    paths: model.files.map(({ path, size }) => ({ path, size })),
    async open(path) {
      const file = files.get(path);
      if (!file) throw new LabError('FetchError', `${model.name}: no file ${path}.`);
      const { HUB_URL } = await import('@huggingface/hub');
      const base = (options.hubUrl ?? HUB_URL).replace(/\/$/, '');
      const token = checkToken(options.accessToken);
      const source = await httpSource(
        path,
        `${base}/${model.name}/resolve/${model.commit}/${encodeURIComponent(path)}`,
        {
          fetch: options.fetch,
          size: file.size,
          signal: options.signal,
          wait: options.wait,
          headers: token ? { Authorization: `Bearer ${token}` } : {},
          error: (_, status) => refusal(model.name, model.revision, status) ?? httpError(path, status),
          onBytes: (bytes) => options.onProgress?.((fetched += bytes)),
        },
      );
      return bufferedSource(source);
    },
  };
}

/** True when no server answered, rather than one that refused. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof LabError && error.kind === 'FetchError' && error.cause instanceof TypeError;
}

function boundFetch(options: HubOptions): typeof fetch {
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    return options.fetch(url, { ...init, signal: options.signal });
  };
}

function checkToken(token: string | undefined): string | undefined {
  if (token === undefined || token === '') return undefined;
  if (!/^hf_\w+$/.test(token))
    throw new LabError('SpecError', 'The access token of the Hub does not begin with "hf_".');
  return token;
}

function hubFailure(name: string, revision: string, error: unknown): LabError {
  if (error instanceof LabError) return error;
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : NaN;
  if (Number.isInteger(status)) return refusal(name, revision, status) ?? httpError(name, status);
  if (error instanceof TypeError) {
    const remedy = 'Check the network connection, or use a model on this machine.';
    return new LabError('FetchError', `${name}: the Hub cannot be reached.`, remedy, { cause: error });
  }
  const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
  return new LabError(
    'FetchError',
    `${name}: the Hub gave an answer that cannot be read: ${reason}.`,
    undefined,
    { cause: error },
  );
}

function refusal(name: string, revision: string, status: number): LabError | null {
  const say = (what: string, remedy: string): LabError =>
    new LabError('FetchError', `${name}: ${what} (HTTP ${status}).`, remedy);
  if (status === 401)
    return say(
      'not found on the Hub, or private',
      'Check the name; for a private or gated model download it and open the folder.',
    );
  if (status === 403)
    return say(
      'the model is gated',
      'Accept its conditions on the Hub, download it there and open the folder.',
    );
  if (status === 404) return say(`not found on the Hub at revision ${revision}`, 'Check name and revision.');
  if (status === 429)
    return say('the Hub has had too many requests from here', 'Wait some minutes and try again.');
  return null;
}
