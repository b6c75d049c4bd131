/**
 * Text to token ids and back, in a worker of its own: a tokenizer file comes with regular expressions, and one that
 * never ends must not hang the lab. The worker is stopped when a call takes too long, and started again for the next.
 */
import { LabError, type PlainError } from '../core/errors';

export interface SpecialIds {
  bos?: number;
  /** Ids that end a text; empty when the files name none. */
  eos: number[];
}

export interface TokenizerHandle {
  /** Highest id + 1, added tokens included. */
  vocabularySize: number;
  specialIds: SpecialIds;
  /** Ids of the whole text with the tokenizer's own special tokens. TextError when it takes too long. */
  encode(text: string, signal?: AbortSignal): Promise<number[]>;
  /** Ids of each text; `special` false leaves the tokenizer's own special tokens out. */
  encodeAll(texts: readonly string[], special: boolean, signal?: AbortSignal): Promise<Uint32Array[]>;
  /** Text of the ids, special tokens left out. */
  decode(ids: number[]): Promise<string>;
  /** Ends the worker; calls still open are rejected with CancelledError. */
  close(): void;
}

/** The two files of a tokenizer, as text. */
export interface TokenizerFiles {
  /** For messages: the model's name. */
  name: string;
  json: string;
  /** tokenizer_config.json; null when there is none. */
  config: string | null;
}

export type TokenizerRequest =
  | { id: number; op: 'open'; files: TokenizerFiles }
  | { id: number; op: 'encode'; text: string }
  | { id: number; op: 'encodeAll'; texts: readonly string[]; special: boolean }
  | { id: number; op: 'decode'; ids: number[] };

export interface TokenizerInfo {
  vocabularySize: number;
  specialIds: SpecialIds;
}

export type TokenizerReply =
  | { id: number; op: 'open'; info: TokenizerInfo }
  | { id: number; op: 'encode'; ids: Uint32Array }
  | { id: number; op: 'encodeAll'; ids: Uint32Array[] }
  | { id: number; op: 'decode'; text: string }
  /** Work on this request goes on. */
  | { id: number; op: 'beat' }
  | { id: number; op: 'error'; error: PlainError };

/** A running worker, whatever its kind. */
export interface TokenizerPort {
  post(request: TokenizerRequest): void;
  terminate(): void;
}

/** Starts a worker that answers through `reply`; `fail` is called when it breaks down as a whole. */
export type SpawnTokenizer = (
  reply: (reply: TokenizerReply) => void,
  fail: (cause: unknown) => void,
) => TokenizerPort;

export interface TokenizerLimits {
  /** For any call, reading a large vocabulary on a slow machine included. */
  baseMs: number;
  /** More for each million characters. */
  perMillionMs: number;
  /** Without a sign of progress; an expression that never ends gives none. */
  stallMs: number;
}

/** An order of magnitude above what the slowest supported tokenizer takes on a busy two-core machine. */
const LIMITS: TokenizerLimits = { baseMs: 10_000, perMillionMs: 30_000, stallMs: 10_000 };
/** Reading the files of a tokenizer gives no sign before its end: time for each million characters of them. */
const OPEN_PER_MILLION_MS = 2_000;
/** Normalising and copying give no sign either; far less time for each million characters. */
const SILENT_PER_MILLION_MS = 100;
/** A text that was too much is tried again at this fraction of its length; what is longer fails at once. */
const SHORTER = 1 / 4;

/** Opens the tokenizer. FormatError when its files are wrong or of a kind that the lab cannot follow exactly. */
export async function openTokenizer(
  files: TokenizerFiles,
  spawn: SpawnTokenizer,
  limits: TokenizerLimits = LIMITS,
): Promise<TokenizerHandle> {
  const client = new TokenizerClient(files, spawn, limits);
  const { vocabularySize, specialIds } = await client.start();
  return {
    vocabularySize,
    specialIds,
    encode: (text, signal) => client.encode(text, signal),
    encodeAll: (texts, special, signal) => client.encodeAll(texts, special, signal),
    decode: (ids) => client.decode(ids),
    close: () => client.close(),
  };
}

/** A request without its number; distributive, so each member keeps its own fields. */
type Question = TokenizerRequest extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;
type Answer<Op> = Extract<TokenizerReply, { op: Op }>;

interface Waiting {
  resolve(reply: TokenizerReply): void;
  reject(error: LabError): void;
  beat(): void;
}

class TokenizerClient {
  readonly #files: TokenizerFiles;
  readonly #spawn: SpawnTokenizer;
  readonly #limits: TokenizerLimits;
  readonly #waiting = new Map<number, Waiting>();
  #port: TokenizerPort | null = null;
  #next = 0;
  #closed = false;
  /** The call that took too long, so that the next text of its size does not wait as long again. */
  #tooLong: { characters: number; error: LabError } | null = null;
  /** Calls run one after the other, so that each has the worker, and its time limit, for itself. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(files: TokenizerFiles, spawn: SpawnTokenizer, limits: TokenizerLimits) {
    this.#files = files;
    this.#spawn = spawn;
    this.#limits = limits;
  }

  start(): Promise<TokenizerInfo> {
    return this.#queue(() => this.#ensure());
  }

  async encode(text: string, signal?: AbortSignal): Promise<number[]> {
    const ids = await this.#queue(async () => {
      if (this.#tooLong && text.length > this.#tooLong.characters * SHORTER) throw this.#tooLong.error;
      await this.#ensure();
      return (await this.#ask({ op: 'encode', text }, 'encode', text.length, signal)).ids;
    }, signal);
    return Array.from(ids);
  }

  encodeAll(texts: readonly string[], special: boolean, signal?: AbortSignal): Promise<Uint32Array[]> {
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    return this.#queue(async () => {
      await this.#ensure();
      return (await this.#ask({ op: 'encodeAll', texts, special }, 'encodeAll', characters, signal)).ids;
    }, signal);
  }

  decode(ids: number[]): Promise<string> {
    return this.#queue(async () => {
      await this.#ensure();
      return (await this.#ask({ op: 'decode', ids }, 'decode', ids.length)).text;
    });
  }

  close(): void {
    this.#closed = true;
    this.#stop(new LabError('CancelledError', 'The tokenizer was closed.'));
  }

  #queue<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const result = this.#tail.then(() => {
      if (this.#closed) throw new LabError('CancelledError', 'The tokenizer was closed.');
      if (signal?.aborted) throw new LabError('CancelledError', 'Cancelled.');
      return run();
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** A worker that has read the files; started again when the last one was stopped. */
  async #ensure(): Promise<TokenizerInfo> {
    if (this.#port && this.#info) return this.#info;
    this.#port = this.#spawn(
      (reply) => {
        const waiting = this.#waiting.get(reply.id);
        if (reply.op === 'beat') {
          waiting?.beat();
          return;
        }
        this.#waiting.delete(reply.id);
        if (reply.op === 'error') waiting?.reject(LabError.fromPlain(reply.error));
        else waiting?.resolve(reply);
      },
      (cause) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        this.#stop(
          new LabError('TextError', `${this.#files.name}: the tokenizer broke down: ${reason}.`, GIVE_IDS, {
            cause,
          }),
        );
      },
    );
    try {
      this.#info = (
        await this.#ask({ op: 'open', files: this.#files }, 'open', this.#files.json.length)
      ).info;
      return this.#info;
    } catch (error) {
      this.#stop(LabError.from(error));
      throw error;
    }
  }

  #info: TokenizerInfo | null = null;

  #ask<Op extends Question['op']>(
    question: Question,
    op: Op,
    size: number,
    signal?: AbortSignal,
  ): Promise<Answer<Op>> {
    const id = this.#next++;
    const { baseMs, perMillionMs, stallMs } = this.#limits;
    const opens = op === 'open';
    const limitMs = baseMs + (size / 1e6) * (opens ? OPEN_PER_MILLION_MS : perMillionMs);
    return new Promise<Answer<Op>>((resolve, reject) => {
      const giveUp = (ms: number, how: string): void => {
        const what = opens ? 'reading the tokenizer' : 'tokenising';
        const error = new LabError(
          'TextError',
          `${this.#files.name}: ${what} ${how} ${Math.round(ms / 100) / 10} s and was stopped.`,
          GIVE_IDS,
        );
        if (op === 'encode') this.#tooLong = { characters: size, error };
        this.#stop(error);
      };
      const silentMs = stallMs + (size / 1e6) * SILENT_PER_MILLION_MS;
      const stall = (): ReturnType<typeof setTimeout> =>
        setTimeout(() => giveUp(silentMs, 'made no progress for'), silentMs);
      const timer = setTimeout(() => giveUp(limitMs, 'took longer than'), limitMs);
      let stalled = opens ? undefined : stall();
      const cancel = (): void => this.#stop(new LabError('CancelledError', 'Cancelled.'));
      signal?.addEventListener('abort', cancel, { once: true });
      const settle = (): void => {
        clearTimeout(timer);
        clearTimeout(stalled);
        signal?.removeEventListener('abort', cancel);
      };
      this.#waiting.set(id, {
        resolve: (reply) => {
          settle();
          if (reply.op === op) resolve(reply as Answer<Op>);
          else reject(new LabError('InternalError', `The tokenizer answered ${reply.op} to ${op}.`));
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        beat: () => {
          if (opens) return;
          clearTimeout(stalled);
          stalled = stall();
        },
      });
      this.#port?.post({ ...question, id });
    });
  }

  #stop(error: LabError): void {
    this.#port?.terminate();
    this.#port = null;
    this.#info = null;
    const open = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of open) waiting.reject(error);
  }
}

const GIVE_IDS =
  'Give a shorter text, or token ids as {"windows": [[ids]]} made with another tokenizer program.';
