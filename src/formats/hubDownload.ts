/**
 * One file of the Hub into storage: goes on where an earlier download stopped, checks what it can (size, ETag, the
 * SHA-256 of large files), and appears under its name only when it is whole.
 */
import { LabError, throwIfAborted } from '../core/errors';
import { fileRequest, type HubFile, type HubOptions, type HubRepo } from './hub';
import { hubFailure } from './hubErrors';
import { baseName, type HubStorage, type PartFile } from './hubStorage';
import {
  ChangedError,
  discard,
  httpError,
  Identity,
  pieces,
  request,
  truncated,
  withTries,
  type HttpOptions,
  type Watch,
} from './httpTry';
import { sha256Stream, type Sha256Stream } from './sha256';

/** What is known of a part: without it a part is worthless, since nobody knows of which file. */
interface PartState {
  size: number;
  sha256: string | null;
  etag: string | null;
}

export interface DownloadOptions extends HubOptions {
  /** Awaited before each request; pausing aborts the running one through `pauseSignal`. */
  gate?: () => Promise<void> | undefined;
  /** Fires when the running request should end because of a pause. Read anew for each request. */
  pauseSignal?: () => AbortSignal | undefined;
  /** Bytes of this file that are there, whenever more came. */
  onProgress?: (bytes: number) => void;
}

/** Written at once: a network's pieces are small, and each write has a price. */
const WRITE_BYTES = 1 << 20;
const RECONNECTS = 4;
const HASH_BYTES = 4 << 20;

/** The name of the part of `path`. */
export const partOf = (path: string): string => `${path}.part`;
const stateOf = (path: string): string => `${path}.part.json`;

/** Bytes of `path` that an earlier download left. */
export async function partBytes(storage: HubStorage, path: string, file: HubFile): Promise<number> {
  const state = await readState(storage, path);
  if (!state || state.size !== file.size || state.sha256 !== file.sha256) return 0;
  return (await storage.source(partOf(path)))?.size ?? 0;
}

/** Downloads `file` of `repo` to `path`. FetchError; what came stays for the next time, except what proved wrong. */
export async function downloadFile(
  storage: HubStorage,
  path: string,
  repo: HubRepo,
  file: HubFile,
  options: DownloadOptions,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await fetchInto(storage, path, repo, file, options);
      return;
    } catch (error) {
      // Once from the start: a file that changes is read again, a part that was damaged is thrown away.
      const again = error instanceof ChangedError || error instanceof StaleError;
      if (again) await dropPart(storage, path);
      if (!again || attempt > 0) throw error instanceof StaleError ? error.plain() : error;
    }
  }
}

async function fetchInto(
  storage: HubStorage,
  path: string,
  repo: HubRepo,
  file: HubFile,
  options: DownloadOptions,
): Promise<void> {
  const known = await readState(storage, path);
  const fits = known !== null && known.size === file.size && known.sha256 === file.sha256;
  const part = await storage.part(partOf(path));
  try {
    if (!fits || part.size > file.size) await part.reset();
    const resumed = part.size > 0;
    const identity = new Identity(file.path, file.size, fits && resumed ? known.etag : null);
    const hash = file.sha256 === null ? null : await sha256Stream();
    if (hash) await hashPart(part, hash, options.signal);
    options.onProgress?.(part.size);
    const writer = new Writer(part, hash, (bytes) => options.onProgress?.(bytes));
    const keepState = async (): Promise<void> => {
      const state: PartState = { size: file.size, sha256: file.sha256, etag: identity.etag };
      await storage.write(stateOf(path), new TextEncoder().encode(JSON.stringify(state)));
    };
    try {
      await receive(repo, file, identity, writer, keepState, options);
    } finally {
      await writer.flush();
    }
    if (hash && hash.finish() !== file.sha256) throw new StaleError(file.path, resumed);
  } finally {
    const empty = part.size === 0 && file.size > 0;
    await part.close();
    // Nothing came: nothing is kept of it.
    if (empty) await dropPart(storage, path);
  }
  await storage.rename(partOf(path), baseName(path));
  await storage.remove(stateOf(path));
}

/** Brings the rest of the file. A pause ends the running request and waits at the gate, however often. */
async function receive(
  repo: HubRepo,
  file: HubFile,
  identity: Identity,
  writer: Writer,
  keepState: () => Promise<void>,
  options: DownloadOptions,
): Promise<void> {
  for (;;) {
    const held = options.gate?.();
    if (held) {
      // A pause may last, and outlive this page.
      await writer.flush();
      await held;
    }
    throwIfAborted(options.signal);
    const pause = options.pauseSignal?.();
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    for (const signal of [options.signal, pause]) signal?.addEventListener('abort', abort, { once: true });
    try {
      const { url, http } = fileRequest(repo, file.path, options);
      const refused = http.error;
      const given: HttpOptions = {
        ...http,
        signal: stop.signal,
        // A network that was there a moment ago may come back.
        ...(writer.size > 0 && { reconnects: RECONNECTS }),
        error: (name, status, response) =>
          status === 416
            ? new ChangedError(name)
            : (refused?.(name, status, response) ?? httpError(name, status, response)),
      };
      if (pause?.aborted) continue;
      await withTries(file.path, given, (watch) =>
        tryRest(file, url, given, watch, identity, writer, keepState),
      );
      return;
    } catch (error) {
      if (!pause?.aborted || options.signal?.aborted) throw hubFailure(repo.name, error);
    } finally {
      for (const signal of [options.signal, pause]) signal?.removeEventListener('abort', abort);
    }
  }
}

async function tryRest(
  file: HubFile,
  url: string,
  http: HttpOptions,
  watch: Watch,
  identity: Identity,
  writer: Writer,
  keepState: () => Promise<void>,
): Promise<void> {
  if (writer.size === file.size) return;
  const begin = writer.size;
  const headers: Record<string, string> = begin > 0 ? { Range: `bytes=${begin}-` } : {};
  const response = await request(file.path, url, headers, http, watch);
  try {
    identity.check(response, begin);
    checkLength(response, file);
  } catch (error) {
    await discard(response);
    throw error;
  }
  if (begin === 0) await keepState();
  // A server that ignores the range sends the file anew: what is there already is passed over.
  let skip = response.status === 206 ? 0 : begin;
  for await (const piece of pieces(file.path, response, http, watch)) {
    const fresh = piece.subarray(Math.min(skip, piece.byteLength));
    skip -= piece.byteLength - fresh.byteLength;
    if (writer.size + fresh.byteLength > file.size) throw new ChangedError(file.path);
    await writer.add(fresh);
  }
  if (writer.size < file.size) throw truncated(file.path, writer.size, file.size);
}

/** A whole file of another length is another file; compressed answers say nothing about it. */
function checkLength(response: Response, file: HubFile): void {
  const length = response.headers.get('content-length');
  const encoded = response.headers.get('content-encoding');
  if (response.status === 206 || length === null || (encoded !== null && encoded !== 'identity')) return;
  if (Number(length) > file.size) throw new ChangedError(file.path);
}

/** Collects pieces into larger writes. */
class Writer {
  readonly #part: PartFile;
  readonly #hash: Sha256Stream | null;
  readonly #onSize: (bytes: number) => void;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(part: PartFile, hash: Sha256Stream | null, onSize: (bytes: number) => void) {
    this.#part = part;
    this.#hash = hash;
    this.#onSize = onSize;
  }

  get size(): number {
    return this.#part.size + this.#bytes;
  }

  async add(piece: Uint8Array): Promise<void> {
    if (piece.byteLength === 0) return;
    this.#hash?.update(piece);
    this.#waiting.push(piece);
    this.#bytes += piece.byteLength;
    this.#onSize(this.size);
    if (this.#bytes >= WRITE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const waiting = this.#waiting;
    const joined = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of waiting) {
      joined.set(piece, at);
      at += piece.byteLength;
    }
    this.#waiting = [];
    this.#bytes = 0;
    if (joined.byteLength > 0) await this.#part.append(joined);
  }
}

async function hashPart(part: PartFile, hash: Sha256Stream, signal: AbortSignal | undefined): Promise<void> {
  for (let at = 0; at < part.size;) {
    throwIfAborted(signal);
    const bytes = await part.read(at, Math.min(part.size, at + HASH_BYTES));
    if (bytes.byteLength === 0) break;
    hash.update(bytes);
    at += bytes.byteLength;
  }
}

async function readState(storage: HubStorage, path: string): Promise<PartState | null> {
  const bytes = await storage.read(stateOf(path));
  if (!bytes) return null;
  try {
    const { size, sha256, etag } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<PartState>;
    if (typeof size !== 'number') return null;
    return {
      size,
      sha256: typeof sha256 === 'string' ? sha256 : null,
      etag: typeof etag === 'string' ? etag : null,
    };
  } catch {
    return null; // written by half: begin again
  }
}

export async function dropPart(storage: HubStorage, path: string): Promise<void> {
  await storage.remove(partOf(path));
  await storage.remove(stateOf(path));
}

/** The bytes that came are not those the Hub promised. */
class StaleError extends Error {
  readonly #file: string;

  constructor(file: string, resumed: boolean) {
    super(resumed ? 'resumed' : 'whole');
    this.#file = file;
  }

  plain(): LabError {
    return new LabError(
      'FetchError',
      `${this.#file}: what was downloaded differs from the Hub's SHA-256.`,
      'Try again; if it stays, the file on the Hub or the way to it is damaged.',
    );
  }
}
