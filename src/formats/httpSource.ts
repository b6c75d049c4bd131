/**
 * Byte ranges over HTTP. Servers that honour `Range` are read at random; from those that ignore it the body is
 * streamed and sliced, so reads in file order cost one pass. `fetch` is handed in.
 */
import { LabError, throwIfAborted } from '../core/errors';
import { checkRange, type ByteSource } from './source';

export type FetchLike = (url: string, init?: RequestInit) => Promise<Response>;

export interface HttpOptions {
  fetch: FetchLike;
  headers?: Record<string, string>;
  /** Size already known (a listing); otherwise the server is asked. */
  size?: number;
  signal?: AbortSignal;
  /** Tries after the first on a broken connection, a truncated body or status 5xx. */
  retries?: number;
  /** Pause before try `n` (1-based), injected by tests. */
  wait?: (n: number) => Promise<void>;
  /** Called with the bytes of each piece as it arrives. */
  onBytes?: (bytes: number) => void;
  /** Makes the error of a refused request; default `httpError`. */
  error?: (name: string, status: number, response: Response) => LabError;
}

const RETRIES = 3;

/** What an HTTP status means for the user. */
export function httpError(name: string, status: number): LabError {
  const say = (what: string, remedy: string): LabError =>
    new LabError('FetchError', `${name}: ${what} (HTTP ${status}).`, remedy);
  if (status === 401 || status === 403)
    return say('access refused by the server', 'Check the address and your rights.');
  if (status === 404 || status === 410) return say('not found on the server', 'Check the address.');
  if (status === 416) return say('the server has fewer bytes than expected', 'The file changed; load again.');
  if (status === 429) return say('too many requests', 'Wait a minute and try again.');
  if (status >= 500) return say('the server failed', 'Try again later.');
  return say('unexpected answer', 'Check the address.');
}

/** Opens `url`; asks for the size when it is not given. FetchError on any failure. */
export async function httpSource(name: string, url: string, options: HttpOptions): Promise<ByteSource> {
  const probe =
    options.size === undefined ? await probeSize(name, url, options) : { size: options.size, ranges: true };
  if (probe.whole) return bytesSource(name, probe.whole);
  let ranges = probe.ranges;
  const sequential = new SequentialReader(name, url, options);
  return {
    name,
    size: probe.size,
    async read(begin, end, signal) {
      checkRange({ name, size: probe.size }, begin, end);
      if (begin === end) return new Uint8Array(0);
      if (ranges) {
        const bytes = await readRange(name, url, begin, end, probe.size, {
          ...options,
          signal: signal ?? options.signal,
        });
        if (bytes) return bytes;
        ranges = false;
      }
      return sequential.read(begin, end, signal ?? options.signal);
    },
  };
}

/** Whole body of a small file, at most `limit` bytes. */
export async function httpWhole(
  name: string,
  url: string,
  limit: number,
  options: HttpOptions,
): Promise<ByteSource> {
  const bytes = await withRetries(options, async () => {
    const response = await request(name, url, {}, options);
    return collect(name, response, limit, options);
  });
  return bytesSource(name, bytes);
}

function bytesSource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read(begin, end) {
      checkRange({ name, size: bytes.byteLength }, begin, end);
      return Promise.resolve(bytes.slice(begin, end));
    },
  };
}

async function probeSize(
  name: string,
  url: string,
  options: HttpOptions,
): Promise<{ size: number; ranges: boolean; whole?: Uint8Array<ArrayBuffer> }> {
  return withRetries(options, async () => {
    const response = await request(name, url, { Range: 'bytes=0-0' }, options);
    if (response.status === 206) {
      const total = contentRange(response)?.total;
      await discard(response);
      if (total === undefined)
        throw new LabError('FetchError', `${name}: the server gave a range without a size.`);
      return { size: total, ranges: true };
    }
    const length = response.headers.get('content-length');
    const encoded = response.headers.get('content-encoding');
    if (length !== null && /^\d+$/.test(length) && (encoded === null || encoded === 'identity')) {
      await discard(response);
      return { size: Number(length), ranges: false };
    }
    // Neither ranges nor a size: only reading it tells.
    const whole = await collect(name, response, MAX_UNSIZED_BYTES, options);
    return { size: whole.byteLength, ranges: false, whole };
  });
}

/** A server that tells neither ranges nor sizes makes us hold the file; small models only. */
const MAX_UNSIZED_BYTES = 256 << 20;

/** Bytes [begin, end), or null when the server ignores ranges. */
async function readRange(
  name: string,
  url: string,
  begin: number,
  end: number,
  size: number,
  options: HttpOptions,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return withRetries(options, async () => {
    const response = await request(name, url, { Range: `bytes=${begin}-${end - 1}` }, options);
    if (response.status !== 206) {
      await discard(response);
      return null;
    }
    const range = contentRange(response);
    if (range && (range.begin !== begin || (range.total !== undefined && range.total !== size))) {
      await discard(response);
      throw new LabError(
        'FetchError',
        `${name}: the server answered with another range or size.`,
        'The file changed; load again.',
      );
    }
    const bytes = await collect(name, response, end - begin, options);
    if (bytes.byteLength < end - begin) throw truncated(name, bytes.byteLength, end - begin);
    return bytes;
  });
}

/** Reads forward through one response; a read behind the cursor starts the file again. */
class SequentialReader {
  readonly #name: string;
  readonly #url: string;
  readonly #options: HttpOptions;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #rest: Uint8Array = new Uint8Array(0);
  #at = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(name: string, url: string, options: HttpOptions) {
    this.#name = name;
    this.#url = url;
    this.#options = options;
  }

  /** One read at a time, in order of calls. */
  read(begin: number, end: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const result = this.#tail.then(() =>
      withRetries({ ...this.#options, signal }, () =>
        this.#slice(begin, end, signal).catch(async (error: unknown) => {
          await this.#restart();
          throw error;
        }),
      ),
    );
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #slice(
    begin: number,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (begin < this.#at) await this.#restart();
    if (!this.#reader) {
      const response = await request(this.#name, this.#url, {}, { ...this.#options, signal });
      if (!response.body) throw truncated(this.#name, 0, end);
      this.#reader = response.body.getReader();
    }
    const parts: Uint8Array[] = [];
    while (this.#at < end) {
      throwIfAborted(signal);
      if (this.#rest.byteLength === 0) {
        const { done, value } = await this.#reader.read().catch((cause: unknown) => {
          throw broken(this.#name, this.#at, cause);
        });
        if (done) throw truncated(this.#name, this.#at, end);
        this.#options.onBytes?.(value.byteLength);
        this.#rest = value;
        continue;
      }
      const skip = Math.min(Math.max(begin - this.#at, 0), this.#rest.byteLength);
      const take = Math.min(end - this.#at - skip, this.#rest.byteLength - skip);
      if (take > 0) parts.push(this.#rest.subarray(skip, skip + take));
      this.#at += skip + take;
      this.#rest = this.#rest.subarray(skip + take);
    }
    return concat(parts, end - begin);
  }

  async #restart(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    this.#rest = new Uint8Array(0);
    this.#at = 0;
    await reader?.cancel().catch(() => undefined);
  }
}

async function request(
  name: string,
  url: string,
  headers: Record<string, string>,
  options: HttpOptions,
): Promise<Response> {
  throwIfAborted(options.signal);
  let response: Response;
  try {
    response = await options.fetch(url, {
      headers: { ...options.headers, ...headers },
      signal: options.signal,
    });
  } catch (cause) {
    throwIfAborted(options.signal);
    throw new LabError(
      'FetchError',
      `${name}: the server cannot be reached.`,
      'Check the network connection.',
      { cause },
    );
  }
  if (!response.ok) {
    await discard(response);
    const error = options.error?.(name, response.status, response) ?? httpError(name, response.status);
    throw response.status >= 500 ? new Transient(error) : error;
  }
  return response;
}

/** Body bytes, at most `limit`: memory grows with what arrived, never with what a header promised. */
async function collect(
  name: string,
  response: Response,
  limit: number,
  options: HttpOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      throwIfAborted(options.signal);
      const chunk = await reader?.read();
      if (!chunk || chunk.done) break;
      total += chunk.value.byteLength;
      if (total > limit) {
        throw new LabError(
          'FetchError',
          `${name}: the server sent more than ${limit} bytes.`,
          'The file changed; load again.',
        );
      }
      options.onBytes?.(chunk.value.byteLength);
      parts.push(chunk.value);
    }
  } catch (cause) {
    await reader?.cancel().catch(() => undefined);
    throwIfAborted(options.signal);
    if (cause instanceof LabError) throw cause;
    throw broken(name, total, cause);
  }
  return concat(parts, total);
}

function concat(parts: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/** A failure that a second try may cure. */
class Transient extends Error {
  readonly error: LabError;

  constructor(error: LabError) {
    super(error.message);
    this.error = error;
  }
}

function broken(name: string, received: number, cause: unknown): Transient {
  return new Transient(
    new LabError('FetchError', `${name}: the connection broke after ${received} bytes.`, 'Try again.', {
      cause,
    }),
  );
}

function truncated(name: string, received: number, expected: number): Transient {
  return new Transient(
    new LabError(
      'FetchError',
      `${name}: the server sent ${received} of ${expected} bytes.`,
      'Try again; if it stays, the file on the server is incomplete.',
    ),
  );
}

async function withRetries<T>(options: HttpOptions, attempt: () => Promise<T>): Promise<T> {
  const wait =
    options.wait ?? ((n: number) => new Promise<void>((done) => setTimeout(done, 250 * 4 ** (n - 1))));
  for (let n = 0; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      throwIfAborted(options.signal);
      if (!(error instanceof Transient)) throw error;
      if (n >= (options.retries ?? RETRIES)) throw error.error;
      await wait(n + 1);
    }
  }
}

function contentRange(response: Response): { begin: number; total: number | undefined } | null {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (!match) return null;
  const total = match[2] === '*' ? undefined : Number(match[2]);
  return { begin: Number(match[1]), total };
}

async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
