/**
 * One request and its tries: bounded repeats with growing pauses, what the server asks to wait, and a limit on silence.
 * `fetch` is handed in.
 */
import { LabError, throwIfAborted } from '../core/errors';

export type FetchLike = (url: string, init?: RequestInit) => Promise<Response>;

export interface HttpOptions {
  fetch: FetchLike;
  headers?: Record<string, string>;
  /** Size already known (a listing); otherwise the server is asked. */
  size?: number;
  signal?: AbortSignal;
  /** Tries after the first on a broken connection, a truncated body, silence, or status 429 or 5xx. */
  retries?: number;
  /** Tries after the first when no server answers at all; more where it did a moment ago. */
  reconnects?: number;
  /** Pause before try `n` (1-based) of `ms`, injected by tests. */
  wait?: (n: number, ms: number) => Promise<void>;
  /** A try during which nothing comes for this long is given up. */
  stallMs?: number;
  /** Called with the bytes of each piece as it arrives. */
  onBytes?: (bytes: number) => void;
  /** Makes the error of a refused request; default `httpError`. */
  error?: (name: string, status: number, response: Response) => LabError;
}

const RETRIES = 3;
/** A connection kept from earlier may be dead by now. */
const RECONNECTS = 1;
const STALL_MS = 30_000;
/** A server that asks for more patience than this is not waited for. */
const MAX_WAIT_MS = 60_000;
/** A try that brought this much was no failure: a long file may break off many times. */
const PROGRESS_BYTES = 256 << 10;

/** What an HTTP status means for the user. */
export function httpError(name: string, status: number, response?: Response): LabError {
  const say = (what: string, remedy: string): LabError =>
    new LabError('FetchError', `${name}: ${what} (HTTP ${status}).`, remedy);
  if (status === 401 || status === 403)
    return say('access refused by the server', 'Check the address and your rights.');
  if (status === 404 || status === 410) return say('not found on the server', 'Check the address.');
  if (status === 416) return say('the server has fewer bytes than expected', 'The file changed; load again.');
  if (status === 429) return say('too many requests', `Wait ${retryAfterText(response)} and try again.`);
  if (status >= 500) return say('the server failed', 'Try again later.');
  return say('unexpected answer', 'Check the address.');
}

/** Milliseconds that an answer asks to wait, null where it does not say. Seconds or a date, as RFC 9110 10.2.3. */
export function retryAfterMs(response: Response | undefined, nowMs = Date.now()): number | null {
  const value = response?.headers.get('retry-after')?.trim();
  if (!value) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/** For remedies: the time that the server names, in words. */
export function retryAfterText(response: Response | undefined): string {
  const ms = retryAfterMs(response);
  if (ms === null) return 'some minutes';
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}

/** A failure that another try may cure. */
export class Transient extends Error {
  readonly error: LabError;
  /** What the server asked for; null leaves it to us. */
  readonly waitMs: number | null;
  /** Tries after the first; undefined leaves it to us. */
  readonly retries: number | undefined;

  constructor(error: LabError, waitMs: number | null = null, retries?: number) {
    super(error.message);
    this.error = error;
    this.waitMs = waitMs;
    this.retries = retries;
  }
}

export function broken(name: string, received: number, cause: unknown): Transient {
  return new Transient(
    new LabError('FetchError', `${name}: the connection broke after ${received} bytes.`, 'Try again.', {
      cause,
    }),
  );
}

export function truncated(name: string, received: number, expected: number): Transient {
  return new Transient(
    new LabError(
      'FetchError',
      `${name}: the server sent ${received} of ${expected} bytes.`,
      'Try again; if it stays, the file on the server is incomplete.',
    ),
  );
}

/** The network's side of one try: its own signal, ended by the caller's or by silence. */
export class Watch {
  readonly #control = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #stallMs: number;
  readonly #name: string;
  readonly #abort = (): void => this.#control.abort();
  /** Bytes that this try brought. */
  received = 0;

  constructor(name: string, options: Pick<HttpOptions, 'signal' | 'stallMs'>) {
    this.#name = name;
    this.#outer = options.signal;
    this.#stallMs = options.stallMs ?? STALL_MS;
    if (this.#outer?.aborted) this.#abort();
    this.#outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** Waits for an answer or a piece of one; Transient when nothing comes for too long. */
  async within<T>(work: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const seconds = Math.max(1, Math.round(this.#stallMs / 1000));
        reject(new Transient(new LabError('FetchError', `${this.#name}: the server sent nothing for ${seconds} seconds.`, 'Check the connection and try again.'))); // prettier-ignore
        this.#abort();
      }, this.#stallMs);
    });
    // What is aborted here rejects later, unheard.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends what is still open. */
  close(): void {
    this.#outer?.removeEventListener('abort', this.#abort);
    this.#abort();
  }
}

/** Repeats `work` while it fails with Transient. The last failure comes out as a LabError. */
export async function withTries<T>(
  name: string,
  options: HttpOptions,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  const wait = options.wait ?? ((_: number, ms: number) => pause(ms, options.signal));
  for (let failures = 0; ;) {
    throwIfAborted(options.signal);
    const watch = new Watch(name, options);
    try {
      return await work(watch);
    } catch (error) {
      throwIfAborted(options.signal);
      if (!(error instanceof Transient)) throw error;
      if (watch.received >= PROGRESS_BYTES) failures = 0;
      const retries = error.retries ?? options.retries ?? RETRIES;
      if (failures >= retries || (error.waitMs ?? 0) > MAX_WAIT_MS) throw error.error;
      const ms = error.waitMs ?? 250 * 4 ** failures;
      await wait(++failures, ms);
    } finally {
      watch.close();
    }
  }
}

/** Resolves after `ms`, or at once when the signal fires. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** Sends one request. LabError when it is refused or no server answers; Transient for 429 and 5xx. */
export async function request(
  name: string,
  url: string,
  headers: Record<string, string>,
  options: HttpOptions,
  watch: Watch,
): Promise<Response> {
  throwIfAborted(options.signal);
  let response: Response;
  try {
    response = await watch.within(
      options.fetch(url, { headers: { ...options.headers, ...headers }, signal: watch.signal }),
    );
  } catch (cause) {
    throwIfAborted(options.signal);
    if (cause instanceof LabError || cause instanceof Transient) throw cause;
    const error = new LabError(
      'FetchError',
      `${name}: the server cannot be reached.`,
      'Check the network connection.',
      { cause },
    );
    throw new Transient(error, null, options.reconnects ?? RECONNECTS);
  }
  if (!response.ok) {
    await discard(response);
    const { status } = response;
    const error = options.error?.(name, status, response) ?? httpError(name, status, response);
    throw status === 429 || status >= 500 ? new Transient(error, retryAfterMs(response)) : error;
  }
  return response;
}

/** The pieces of a body as they come; Transient when the connection breaks or falls silent. */
export async function* pieces(
  name: string,
  response: Response,
  options: HttpOptions,
  watch: Watch,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      throwIfAborted(options.signal);
      const { done, value } = await watch.within(reader.read()).catch((cause: unknown) => {
        throwIfAborted(options.signal);
        throw cause instanceof Transient ? cause : broken(name, watch.received, cause);
      });
      if (done) return;
      watch.received += value.byteLength;
      options.onBytes?.(value.byteLength);
      yield value;
    }
  } finally {
    // Also when the consumer leaves early: the rest is not wanted.
    reader.cancel().catch(() => undefined);
  }
}

export function contentRange(response: Response): { begin: number; total: number | undefined } | null {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (!match) return null;
  const total = match[2] === '*' ? undefined : Number(match[2]);
  return { begin: Number(match[1]), total };
}

export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/**
 * What must stay the same while a file is read in parts: its size and its ETag. FetchError that says `changed` when
 * a later answer differs.
 */
export class Identity {
  readonly #name: string;
  readonly size: number;
  etag: string | null;

  constructor(name: string, size: number, etag: string | null = null) {
    this.#name = name;
    this.size = size;
    this.etag = etag;
  }

  /** Checks an answer that begins at byte `begin`; 206 or the whole file. */
  check(response: Response, begin: number): void {
    const etag = response.headers.get('etag');
    if (etag !== null && this.etag !== null && etag !== this.etag) throw new ChangedError(this.#name);
    const range = response.status === 206 ? contentRange(response) : null;
    if (range && range.total !== undefined && range.total !== this.size) throw new ChangedError(this.#name);
    if (range && range.begin !== begin) {
      throw new LabError(
        'FetchError',
        `${this.#name}: the server answered with another range than asked.`,
        'Try again; if it stays, the server is at fault.',
      );
    }
    this.etag ??= etag;
  }
}

/** The file on the server is not the one that reading began with. */
export class ChangedError extends LabError {
  constructor(name: string) {
    super('FetchError', `${name}: the file changed on the server while it was read.`, 'Load it again.');
  }
}
