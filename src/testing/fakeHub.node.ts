/**
 * A Hub on loopback addresses that behaves as the real one does: commits, listings in pages, error codes in headers,
 * tokens, gated and private repositories, large files by a redirect to another origin, ranges, ETags, CORS. A fault
 * makes it misbehave.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepo {
  kind?: 'model' | 'dataset';
  name: string;
  commit: string;
  /** Branches and tags other than main, all at `commit`. */
  revisions?: string[];
  files: Record<string, Uint8Array>;
  /** Files need the token GOOD_TOKEN. */
  gated?: boolean;
  /** Nothing is known of it without the token. */
  private?: boolean;
}

export interface FakeRequest {
  server: 'hub' | 'cdn';
  method: string;
  path: string;
  /** The file in a repository that is asked for. */
  file: string | undefined;
  range: string | undefined;
  authorization: string | undefined;
  /** How often this file (or path) was asked for before. */
  before: number;
}

export interface Fault {
  status?: number;
  headers?: Record<string, string>;
  /** Bytes in place of the file's. */
  bytes?: Uint8Array;
  etag?: string;
  /** The body breaks off after this many bytes. */
  cutAfter?: number;
  /** Ends the body early without an error, as a proxy may. */
  endAfter?: number;
  /** Nothing is answered; with `cutAfter`, nothing more. */
  hang?: boolean;
  /** Answers 200 with the whole file. */
  ignoreRange?: boolean;
  /** Pieces of this many bytes, 5 ms apart. */
  slowly?: number;
}

export const GOOD_TOKEN = 'hf_good';
const LARGE = /\.(safetensors|gguf|parquet|gz)$/;
const EXPOSED = 'X-Error-Code, X-Error-Message, X-Repo-Commit, ETag, Link, Accept-Ranges, Content-Range, Content-Length, Retry-After'; // prettier-ignore

export class FakeHub {
  readonly repos: FakeRepo[] = [];
  readonly requests: FakeRequest[] = [];
  /** What goes wrong with a request; nothing by default. */
  fault: (request: FakeRequest) => Fault | undefined = () => undefined;
  readonly #servers: Server[] = [];
  readonly #counts = new Map<string, number>();
  /** Where large files are redirected to: another origin. */
  cdnUrl = '';
  url = '';

  static async start(...repos: FakeRepo[]): Promise<FakeHub> {
    const hub = new FakeHub();
    hub.repos.push(...repos);
    hub.cdnUrl = await hub.#listen('cdn');
    hub.url = await hub.#listen('hub');
    return hub;
  }

  reset(): void {
    this.fault = () => undefined;
    this.requests.length = 0;
    this.#counts.clear();
  }

  /** Requests for a file's bytes. */
  of(file: string): FakeRequest[] {
    return this.requests.filter((r) => r.file === file);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }

  async #listen(which: 'hub' | 'cdn'): Promise<string> {
    const server = createServer((request, response) => {
      this.#answer(which, request, response);
    });
    this.#servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #answer(which: 'hub' | 'cdn', request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', EXPOSED);
    if (request.method === 'OPTIONS') {
      response.setHeader('Access-Control-Allow-Headers', 'authorization, range, content-type, accept');
      response.writeHead(204, { 'Access-Control-Allow-Methods': 'GET, POST, HEAD' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', 'http://x');
    const match = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const cdn = /^\/(model|dataset)\/([^/]+\/[^/]+)\/(.+)$/.exec(url.pathname);
    const named = which === 'hub' ? match?.[4] : cdn?.[3];
    const file = named === undefined ? undefined : decodeURIComponent(named);
    const key = `${which} ${file ?? url.pathname}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    const seen: FakeRequest = {
      server: which,
      method: request.method ?? 'GET',
      path: url.pathname,
      file,
      range: request.headers.range,
      authorization: request.headers.authorization,
      before,
    };
    this.requests.push(seen);
    const fault = this.fault(seen) ?? {};
    if (fault.hang && fault.cutAfter === undefined) return;
    if (fault.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end('{"error":"fault"}');
      return;
    }
    if (which === 'cdn') {
      const repo = this.repos.find((r) => (r.kind ?? 'model') === cdn?.[1] && r.name === cdn[2]);
      send(request, response, repo?.files[file ?? ''], fault);
    } else if (match) this.#resolve(request, response, match, fault);
    else this.#api(url, request, response);
  }

  #resolve(request: IncomingMessage, response: ServerResponse, match: string[], fault: Fault): void {
    const [, dataset, name, revision = '', path = ''] = match;
    const kind = dataset ? 'dataset' : 'model';
    const repo = this.#find(kind, name ?? '', request, response);
    if (!repo) return;
    if (!known(repo, revision)) refuse(response, 404, 'RevisionNotFound');
    else if (repo.gated && request.headers.authorization !== `Bearer ${GOOD_TOKEN}`)
      refuse(response, request.headers.authorization ? 403 : 401, 'GatedRepo');
    else {
      const file = decodeURIComponent(path);
      const bytes = repo.files[file];
      response.setHeader('X-Repo-Commit', repo.commit);
      if (!bytes) refuse(response, 404, 'EntryNotFound');
      else if (LARGE.test(file))
        response.writeHead(302, { Location: `${this.cdnUrl}/${kind}/${repo.name}/${path}` }).end();
      else send(request, response, bytes, fault);
    }
  }

  #find(
    kind: string,
    name: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): FakeRepo | undefined {
    const token = request.headers.authorization;
    const repo = this.repos.find((r) => (r.kind ?? 'model') === kind && r.name === name);
    if (token !== undefined && token !== `Bearer ${GOOD_TOKEN}` && !repo?.gated) {
      refuse(response, 401, '', 'Invalid credentials in Authorization header');
      return undefined;
    }
    if (repo && (!repo.private || token)) return repo;
    // The Hub does not tell strangers what exists.
    refuse(response, token ? 404 : 401, 'RepoNotFound', 'Invalid username or password.');
    return undefined;
  }

  #api(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const match = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)(?:\/(.+))?$/.exec(
      url.pathname,
    );
    const repo = match && this.#find(match[1] ?? '', match[2] ?? '', request, response);
    if (!match) refuse(response, 404, '');
    if (!repo) return;
    const revision = decodeURIComponent(match[4] ?? '');
    if (!known(repo, revision)) {
      refuse(response, 404, 'RevisionNotFound');
      return;
    }
    if (match[3] === 'revision') {
      json(response, { _id: '1', id: repo.name, sha: repo.commit, gated: repo.gated ? 'auto' : false });
      return;
    }
    const folder = match[5] === undefined ? '' : `${match[5]}/`;
    const entries = Object.entries(repo.files)
      .filter(([path]) => path.startsWith(folder) && !path.slice(folder.length).includes('/'))
      .map(([path, bytes]) => ({
        type: 'file',
        oid: '0'.repeat(40),
        size: bytes.byteLength,
        path,
        ...(LARGE.test(path) && { lfs: { oid: sha256(bytes), size: bytes.byteLength, pointerSize: 133 } }),
      }));
    const page = 3;
    const from = Number(url.searchParams.get('cursor') ?? 0);
    if (from + page < entries.length) {
      const next = new URL(url.pathname, this.url);
      next.searchParams.set('cursor', String(from + page));
      response.setHeader('Link', `<${next.href}>; rel="next"`);
    }
    json(response, [...(from === 0 ? [{ type: 'directory', path: 'onnx', size: 0, oid: '1' }] : []), ...entries.slice(from, from + page)]); // prettier-ignore
  }
}

function known(repo: FakeRepo, revision: string): boolean {
  return ['main', 'HEAD', repo.commit, ...(repo.revisions ?? [])].includes(revision);
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string, message = ''): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    ...(code && { 'X-Error-Code': code }),
    ...(message && { 'X-Error-Message': message }),
  });
  response.end(JSON.stringify({ error: message || code }));
}

/** A file or a range of it, with whatever the fault does to that. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  given: Uint8Array | undefined,
  fault: Fault,
): void {
  const bytes = fault.bytes ?? given;
  if (!bytes) {
    response.writeHead(404).end();
    return;
  }
  const range = fault.ignoreRange ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const begin = range ? Number(range[1]) : 0;
  const end = Math.min(range?.[2] ? Number(range[2]) + 1 : bytes.byteLength, bytes.byteLength);
  if (begin >= end && range) {
    response.writeHead(416, { 'Content-Range': `bytes */${bytes.byteLength}` }).end();
    return;
  }
  let body = bytes.subarray(begin, end);
  const whole = body.byteLength;
  if (fault.endAfter !== undefined) body = body.subarray(0, fault.endAfter);
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    ETag: fault.etag ?? `"${sha256(bytes).slice(0, 32)}"`,
    ...(fault.endAfter === undefined && { 'Content-Length': whole }),
    ...(range && { 'Content-Range': `bytes ${begin}-${end - 1}/${bytes.byteLength}` }),
  });
  if (fault.cutAfter !== undefined) {
    response.write(body.subarray(0, fault.cutAfter), () => {
      if (!fault.hang) response.destroy();
    });
  } else if (fault.slowly !== undefined) trickle(response, body, fault.slowly);
  else response.end(body);
}

function trickle(response: ServerResponse, body: Uint8Array, size: number): void {
  if (response.destroyed) return;
  if (body.byteLength === 0) {
    response.end();
    return;
  }
  response.write(body.subarray(0, size), () =>
    setTimeout(() => {
      trickle(response, body.subarray(size), size);
    }, 5),
  );
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A fixture of src/testing/fixtures as a repository. */
export async function fixtureRepo(name: string, fixture: string, commit: string): Promise<FakeRepo> {
  const folder = new URL(`./fixtures/${fixture}/`, import.meta.url);
  const files: Record<string, Uint8Array> = {};
  for (const file of await readdir(folder)) {
    if (/^(expected|masks|norms)\.safetensors$|^pruning\.json$|other\.json$/.test(file)) continue;
    files[file] = new Uint8Array(await readFile(new URL(file, folder)));
  }
  return { name, commit, files };
}
