/**
 * Byte ranges over HTTP. Servers that honour `Range` are read at random; from those that ignore it the body is
 * streamed and sliced, so reads in file order cost one pass. A reply that breaks off is continued where it stopped.
 */
import { concat } from '../core/concat';
import { LabError } from '../core/errors';
import {
  contentRange,
  discard,
  Identity,
  pieces,
  request,
  truncated,
  Watch,
  withTries,
  type HttpOptions,
} from './httpTry';
import { checkRange, memorySource, type ByteSource } from './source';

export { httpError, type FetchLike, type HttpOptions } from './httpTry';

/** Opens `url`; asks for the size when it is not given. FetchError on any failure. */
export async function httpSource(name: string, url: string, options: HttpOptions): Promise<ByteSource> {
  const probe =
    options.size === undefined
      ? await probeSize(name, url, options)
      : { size: options.size, ranges: true, etag: null };
  if (probe.whole) return memorySource(name, probe.whole);
  const identity = new Identity(name, probe.size, probe.etag);
  let { ranges } = probe;
  const sequential = new SequentialReader(name, url, identity, options);
  return {
    name,
    size: probe.size,
    async read(begin, end, signal) {
      checkRange({ name, size: probe.size }, begin, end);
      if (begin === end) return new Uint8Array(0);
      if (ranges) {
        const bytes = await readRange(name, url, begin, end, identity, {
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
  const bytes = await withTries(name, options, async (watch) => {
    const response = await request(name, url, {}, options, watch);
    return collect(name, response, limit, options, watch);
  });
  return memorySource(name, bytes);
}

interface Probe {
  size: number;
  ranges: boolean;
  etag: string | null;
  whole?: Uint8Array<ArrayBuffer>;
}

async function probeSize(name: string, url: string, options: HttpOptions): Promise<Probe> {
  return withTries(name, options, async (watch): Promise<Probe> => {
    const response = await request(name, url, { Range: 'bytes=0-0' }, options, watch);
    const etag = response.headers.get('etag');
    if (response.status === 206) {
      const total = contentRange(response)?.total;
      await discard(response);
      if (total === undefined)
        throw new LabError('FetchError', `${name}: the server gave a range without a size.`);
      return { size: total, ranges: true, etag };
    }
    const length = response.headers.get('content-length');
    const encoded = response.headers.get('content-encoding');
    if (length !== null && /^\d+$/.test(length) && (encoded === null || encoded === 'identity')) {
      await discard(response);
      return { size: Number(length), ranges: false, etag };
    }
    // Neither ranges nor a size: only reading it tells.
    const whole = await collect(name, response, MAX_UNSIZED_BYTES, options, watch);
    return { size: whole.byteLength, ranges: false, etag, whole };
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
  identity: Identity,
  options: HttpOptions,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const parts: Uint8Array[] = [];
  let at = begin;
  return withTries(name, options, async (watch) => {
    const response = await request(name, url, { Range: `bytes=${at}-${end - 1}` }, options, watch);
    if (response.status !== 206) {
      await discard(response);
      return null;
    }
    try {
      identity.check(response, at);
    } catch (error) {
      await discard(response);
      throw error;
    }
    for await (const piece of pieces(name, response, options, watch)) {
      at += piece.byteLength;
      if (at > end) throw tooMuch(name, end - begin);
      parts.push(piece);
    }
    if (at < end) throw truncated(name, at - begin, end - begin);
    return concat(parts, end - begin);
  });
}

/** Reads forward through one response; a read behind the cursor starts the file again. */
class SequentialReader {
  readonly #name: string;
  readonly #url: string;
  readonly #options: HttpOptions;
  readonly #identity: Identity;
  #stream: AsyncGenerator<Uint8Array, void> | null = null;
  #watch: Watch | null = null;
  #rest: Uint8Array = new Uint8Array(0);
  #at = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(name: string, url: string, identity: Identity, options: HttpOptions) {
    this.#name = name;
    this.#url = url;
    this.#identity = identity;
    this.#options = options;
  }

  /** One read at a time, in order of calls. */
  read(begin: number, end: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const options = { ...this.#options, signal };
    const result = this.#tail.then(() =>
      withTries(this.#name, options, () =>
        this.#slice(begin, end, options).catch((error: unknown) => {
          this.#restart();
          throw error;
        }),
      ),
    );
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #slice(begin: number, end: number, options: HttpOptions): Promise<Uint8Array<ArrayBuffer>> {
    // A response that an earlier reader cancelled brings nothing more.
    if (begin < this.#at || this.#watch?.signal.aborted) this.#restart();
    this.#stream ??= await this.#open(options);
    const parts: Uint8Array[] = [];
    while (this.#at < end) {
      if (this.#rest.byteLength === 0) {
        const { done, value } = await this.#stream.next();
        if (done) throw truncated(this.#name, this.#at, end);
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

  /** The response outlives the read that began it, so it has a watch of its own. */
  async #open(options: HttpOptions): Promise<AsyncGenerator<Uint8Array, void>> {
    const watch = new Watch(this.#name, options);
    this.#watch = watch;
    const response = await request(this.#name, this.#url, {}, options, watch);
    this.#identity.check(response, 0);
    return pieces(this.#name, response, options, watch);
  }

  #restart(): void {
    this.#stream = null;
    this.#rest = new Uint8Array(0);
    this.#at = 0;
    this.#watch?.close();
    this.#watch = null;
  }
}

/** Body bytes, at most `limit`: memory grows with what arrived, never with what a header promised. */
async function collect(
  name: string,
  response: Response,
  limit: number,
  options: HttpOptions,
  watch: Watch,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const piece of pieces(name, response, options, watch)) {
    total += piece.byteLength;
    if (total > limit) throw tooMuch(name, limit);
    parts.push(piece);
  }
  return concat(parts, total);
}

function tooMuch(name: string, limit: number): LabError {
  return new LabError(
    'FetchError',
    `${name}: the server sent more than ${limit} bytes.`,
    'The file changed; load again.',
  );
}
