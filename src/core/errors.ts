/**
 * The closed set of errors that the lab raises on purpose. Each names the thing, the limit and the remedy in
 * its message, knows the exit code of the command line, and survives a trip over a worker boundary as plain data.
 */
export type ErrorKind =
  | 'SpecError' // a flag, URL field or spec value is wrong
  | 'FormatError' // a file is malformed
  | 'FetchError' // bytes could not be read (network, disk, permission)
  | 'ModelError' // a well-formed model that this lab does not support
  | 'TextError' // a text or token list cannot be used with this model
  | 'GpuUnavailableError'
  | 'GpuLimitError'
  | 'OutOfMemoryError'
  | 'DeviceLostError'
  | 'SolverError' // a solver gave up
  | 'VerifyError'
  | 'CancelledError'
  | 'InternalError';

const EXIT_CODES: Record<ErrorKind, number> = {
  SpecError: 2,
  FormatError: 2,
  FetchError: 2,
  ModelError: 2,
  TextError: 2,
  GpuUnavailableError: 1,
  GpuLimitError: 1,
  OutOfMemoryError: 1,
  DeviceLostError: 1,
  SolverError: 1,
  VerifyError: 1,
  CancelledError: 130,
  InternalError: 1,
};

export interface PlainError {
  kind: ErrorKind;
  message: string;
  /** What the user can do about it, one sentence; also part of `message` on the command line. */
  remedy?: string;
  stack?: string;
}

/** An expected failure. `message` says what and which limit; `remedy` says what to do next. */
export class LabError extends Error {
  readonly kind: ErrorKind;
  readonly remedy: string | undefined;

  constructor(kind: ErrorKind, message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = kind;
    this.kind = kind;
    this.remedy = remedy;
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }

  toPlain(): PlainError {
    return { kind: this.kind, message: this.message, remedy: this.remedy, stack: this.stack };
  }

  static fromPlain(plain: PlainError): LabError {
    const error = new LabError(plain.kind, plain.message, plain.remedy);
    if (plain.stack) error.stack = plain.stack;
    return error;
  }

  /** Any thrown value as a LabError; unknown ones become InternalError. */
  static from(value: unknown): LabError {
    if (value instanceof LabError) return value;
    if (value instanceof DOMException && value.name === 'AbortError')
      return new LabError('CancelledError', 'Cancelled.');
    if (value instanceof Error) {
      const error = new LabError('InternalError', value.message, undefined, { cause: value });
      if (value.stack) error.stack = value.stack;
      return error;
    }
    return new LabError('InternalError', String(value));
  }
}

export function isCancelled(value: unknown): boolean {
  return LabError.from(value).kind === 'CancelledError';
}

/** Throws CancelledError when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LabError('CancelledError', 'Cancelled.');
}
