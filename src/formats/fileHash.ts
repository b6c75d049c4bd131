/**
 * SHA-256 of a file that streams by, and of ranges of it (its tensors). Large files are hashed in a worker, beside the
 * work that uses their bytes.
 */
import { concat } from '../core/concat';
import { LabError } from '../core/errors';
import { sha256Hex } from '../core/hash';
import { hasPlatformSha256, sha256Stream, type Sha256Stream } from './sha256';

export interface FileDigests {
  /** Lower-case hex, of the whole file. */
  file: string;
  /** Of each range, in the order in which they were named. */
  ranges: string[];
}

export interface FileHash {
  /** Bytes [begin, end) of the file get a digest of their own. Ranges are named in order, before their bytes; none overlap. */
  range(begin: number, end: number): void;
  /** The next bytes of the file. Takes their whole buffer: nobody may use it again. Resolves when more may be given. */
  give(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  finish(): Promise<FileDigests>;
}

/** Below, starting a worker takes longer than hashing. */
const IN_WORKER_BYTES = 16 << 20;

let worker: HashClient | undefined;

/** Hashes large files in what `spawn` starts, from now on. It is started with the first of them. */
export function useHashWorker(spawn: SpawnHash): void {
  worker = new HashClient(spawn);
}

/** Up to here WebCrypto hashes the file at once: it is quicker, and the WebAssembly need not be fetched. */
const AT_ONCE_BYTES = 32 << 20;

/** `size`: bytes of the file, or more. */
export async function openFileHash(size: number): Promise<FileHash> {
  if (worker && size > IN_WORKER_BYTES) return worker.open();
  return !hasPlatformSha256() && size <= AT_ONCE_BYTES ? hashAtOnce() : hashHere();
}

/** Keeps the file until it is whole. */
export function hashAtOnce(): FileHash {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const ranges: { begin: number; end: number }[] = [];
  return {
    range: (begin, end) => void ranges.push({ begin, end }),
    give: (piece) => {
      pieces.push(piece);
      bytes += piece.byteLength;
      return Promise.resolve();
    },
    finish: async () => {
      const whole = concat(pieces, bytes);
      const digests = ranges.map(({ begin, end }) => sha256Hex(whole.subarray(begin, end)));
      return { file: await sha256Hex(whole), ranges: await Promise.all(digests) };
    },
  };
}

/** Hashes in this thread, piece by piece. */
export async function hashHere(): Promise<FileHash> {
  const hasher = await RangeHasher.open();
  return {
    range: (begin, end) => hasher.range(begin, end),
    give: (bytes) => {
      hasher.update(bytes);
      return Promise.resolve();
    },
    finish: () => Promise.resolve(hasher.finish()),
  };
}

class RangeHasher {
  readonly #file: Sha256Stream;
  readonly #range: Sha256Stream;
  readonly #ranges: { begin: number; end: number }[] = [];
  readonly #digests: string[] = [];
  #at = 0;

  private constructor(file: Sha256Stream, range: Sha256Stream) {
    this.#file = file;
    this.#range = range;
  }

  static async open(): Promise<RangeHasher> {
    return new RangeHasher(await sha256Stream(), await sha256Stream());
  }

  range(begin: number, end: number): void {
    if (begin < this.#at || end < begin)
      throw new RangeError(`bytes ${begin} to ${end} cannot be named at byte ${this.#at}`);
    this.#ranges.push({ begin, end });
    this.#close();
  }

  update(bytes: Uint8Array): void {
    this.#file.update(bytes);
    const start = this.#at;
    const stop = start + bytes.byteLength;
    while (this.#at < stop) {
      const next = this.#ranges[0];
      if (!next || next.begin >= stop) break;
      const [from, to] = [Math.max(next.begin, this.#at), Math.min(next.end, stop)];
      this.#range.update(bytes.subarray(from - start, to - start));
      this.#at = to;
      this.#close();
    }
    this.#at = stop;
    this.#close();
  }

  finish(): FileDigests {
    if (this.#ranges.length > 0) throw new RangeError('the file ends before its ranges');
    return { file: this.#file.finish(), ranges: this.#digests };
  }

  /** Ranges that are complete; empty ones are as soon as they are named. */
  #close(): void {
    for (let next = this.#ranges[0]; next && next.end <= this.#at; next = this.#ranges[0]) {
      this.#digests.push(this.#range.finish());
      this.#ranges.shift();
    }
  }
}

export type HashRequest =
  | { id: number; op: 'range'; begin: number; end: number }
  | { id: number; op: 'bytes'; bytes: Uint8Array<ArrayBuffer> }
  | { id: number; op: 'finish' | 'drop' };

export type HashReply =
  | { id: number; op: 'taken' }
  | { id: number; op: 'digests'; digests: FileDigests }
  | { id: number; op: 'failed'; message: string };

/** Starts a worker that answers with hashServer. */
export type SpawnHash = (
  reply: (message: HashReply) => void,
  fail: (why: string) => void,
) => {
  post(request: HashRequest, transfer: ArrayBuffer[]): void;
  /** Whether the program must wait for replies. */
  hold(on: boolean): void;
};

/** The worker's side: files one beside the other, each in the order of its requests. */
export function hashServer(reply: (message: HashReply) => void): (request: HashRequest) => void {
  const files = new Map<number, Promise<RangeHasher>>();
  const answer = (hasher: RangeHasher, request: HashRequest): void => {
    const { id } = request;
    if (request.op === 'range') hasher.range(request.begin, request.end);
    else if (request.op === 'bytes') {
      hasher.update(request.bytes);
      reply({ id, op: 'taken' });
    } else if (request.op === 'finish') reply({ id, op: 'digests', digests: hasher.finish() });
  };
  return (request) => {
    const { id, op } = request;
    const open = files.get(id) ?? RangeHasher.open();
    const next = open.then((hasher) => {
      answer(hasher, request);
      return hasher;
    });
    if (op === 'finish' || op === 'drop') files.delete(id);
    else files.set(id, next);
    // Only these are answered; what failed before fails them too.
    next.catch((error: unknown) => {
      if (op === 'bytes' || op === 'finish') reply({ id, op: 'failed', message: String(error) });
    });
  };
}

/** Bytes that one file may have under way: enough to keep the worker busy, few enough not to be noticed. */
const UNDER_WAY_BYTES = 32 << 20;

interface OpenFile {
  /** Sizes of pieces that were not taken yet. */
  pieces: number[];
  bytes: number;
  failed?: LabError;
  /** Whoever waits, for room or for the digests. */
  wake?: () => void;
  digests?: FileDigests;
}

/** The caller's side. */
class HashClient {
  readonly #spawn: SpawnHash;
  #worker: ReturnType<SpawnHash> | undefined;
  #nextId = 0;
  /** Replies to come. */
  #awaited = 0;
  readonly #files = new Map<number, OpenFile>();
  /** A file that was given up is forgotten by the worker too. */
  readonly #abandoned = new FinalizationRegistry<number>((id) => {
    if (this.#files.delete(id)) this.#post({ id, op: 'drop' });
  });

  constructor(spawn: SpawnHash) {
    this.#spawn = spawn;
  }

  open(): FileHash {
    const id = this.#nextId++;
    const file: OpenFile = { pieces: [], bytes: 0 };
    this.#files.set(id, file);
    const until = async (done: () => boolean): Promise<void> => {
      while (!done() && !file.failed) await new Promise<void>((resolve) => (file.wake = resolve));
      if (file.failed) throw file.failed;
    };
    const hash: FileHash = {
      range: (begin, end) => this.#post({ id, op: 'range', begin, end }),
      give: async (bytes) => {
        file.pieces.push(bytes.byteLength);
        file.bytes += bytes.byteLength;
        this.#expect(1);
        this.#post({ id, op: 'bytes', bytes }, [bytes.buffer]);
        await until(() => file.bytes <= UNDER_WAY_BYTES);
      },
      finish: async () => {
        // From here on nobody needs to hold the hash to want its digests.
        this.#abandoned.unregister(file);
        this.#expect(1);
        this.#post({ id, op: 'finish' });
        await until(() => file.digests !== undefined);
        this.#files.delete(id);
        if (!file.digests) throw new LabError('InternalError', 'A file has no digest.');
        return file.digests;
      },
    };
    this.#abandoned.register(hash, id, file);
    return hash;
  }

  #post(request: HashRequest, transfer: ArrayBuffer[] = []): void {
    if (!this.#worker) {
      this.#worker = this.#spawn(
        (reply) => this.#take(reply),
        (why) => this.#fail(why),
      );
      this.#worker.hold(this.#awaited > 0);
    }
    this.#worker.post(request, transfer);
  }

  #expect(replies: number): void {
    const before = this.#awaited;
    this.#awaited = before + replies;
    if (before > 0 !== this.#awaited > 0) this.#worker?.hold(this.#awaited > 0);
  }

  #take(reply: HashReply): void {
    const file = this.#files.get(reply.id);
    this.#expect(-1);
    if (!file) return;
    if (reply.op === 'digests') file.digests = reply.digests;
    else if (reply.op === 'taken') file.bytes -= file.pieces.shift() ?? 0;
    else file.failed = broken(reply.message);
    file.wake?.();
  }

  /** The worker is gone: the next file starts another. */
  #fail(why: string): void {
    for (const file of this.#files.values()) {
      file.failed = broken(why);
      file.wake?.();
    }
    this.#files.clear();
    this.#awaited = 0;
    this.#worker = undefined;
  }
}

function broken(why: string): LabError {
  return new LabError('InternalError', `A file could not be hashed (${why}).`, 'Try again.');
}
