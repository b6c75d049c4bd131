/** Standard error, standard output and files of the command line: progress, warnings, the last line of an error. */
import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { LabError } from '../core/errors';
import { decodeUtf8, parseJson } from '../formats/json';
import type { LabEvent } from '../session/protocol';

const MAX_ERROR_LINE = 2000;
/** Without a terminal, a whole line at most this often. */
const LINE_EVERY_MS = 2000;

export class Console {
  readonly #quiet: boolean;
  readonly #terminal = process.env['PRUNELAB_TTY'] === '1';
  readonly #said = new Set<string>();
  #lineMs = 0;
  #open = false;
  #stage = '';

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  progress(event: LabEvent): void {
    if (event.type !== 'progress' || this.#quiet) return;
    const nowMs = Date.now();
    const fresh = event.stage !== this.#stage;
    if (!this.#terminal && !fresh && nowMs - this.#lineMs < LINE_EVERY_MS) return;
    this.#stage = event.stage;
    this.#lineMs = nowMs;
    const done =
      event.unit === 'bytes'
        ? `${megabytes(event.done)}/${megabytes(event.total)} MB`
        : `${Math.floor((100 * event.done) / event.total)} %`;
    const rate = event.tokensPerSecond ? `, ${event.tokensPerSecond.toPrecision(3)} tokens/s` : '';
    const left = event.secondsLeft !== null ? `, ${duration(event.secondsLeft)} left` : '';
    this.#write(`${event.stage}: ${done}${rate}${left}`);
  }

  note(text: string): void {
    if (this.#quiet) return;
    this.#write(text);
    this.endLine();
  }

  warn(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.endLine();
    process.stderr.write(`prunelab: warning: ${oneLine(text)}\n`);
  }

  /** The last line of standard error. */
  fail(error: LabError, debug: boolean): void {
    this.endLine();
    if (debug && error.stack) process.stderr.write(`${error.stack}\n`);
    const text = error.remedy ? `${error.message} ${error.remedy}` : error.message;
    process.stderr.write(`${oneLine(`prunelab: ${error.kind}: ${text}`).slice(0, MAX_ERROR_LINE)}\n`);
  }

  endLine(): void {
    if (this.#open) process.stderr.write('\n');
    this.#open = false;
  }

  #write(text: string): void {
    if (this.#terminal) {
      process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns || 100) - 1)}`);
      this.#open = true;
    } else process.stderr.write(`${oneLine(text)}\n`);
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
/** Names come from files: no control character of theirs reaches the terminal. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Reads a small file the user named; FetchError with its name when it cannot be read. */
export async function readUserFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes)
      throw new LabError(
        'TextError',
        `${path} has ${size} bytes; at most ${maxBytes} are read.`,
        'Give a smaller file.',
      );
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    throw new LabError(
      'FetchError',
      `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`,
      'Check the path.',
      { cause },
    );
  }
}

export async function readUserJson(path: string, maxBytes = 256 << 20): Promise<unknown> {
  const bytes = await readUserFile(path, maxBytes);
  try {
    return parseJson(path, decodeUtf8(path, bytes));
  } catch (cause) {
    throw new LabError('SpecError', LabError.from(cause).message, 'Check the file.', { cause });
  }
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const full = resolve(path);
  const temporary = join(dirname(full), `.${process.pid}.${randomUUID()}.tmp`);
  try {
    await makeFolder(dirname(full));
    await writeFile(temporary, data);
    await rename(temporary, full);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): LabError {
  if (cause instanceof LabError) return cause;
  return new LabError(
    'FetchError',
    `${path} cannot be written: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`,
    'Choose another place.',
    { cause },
  );
}

/** The nearest folder at or above `path` that exists. FetchError when that is no folder or may not be written. */
async function nearestFolder(path: string): Promise<string> {
  const full = resolve(path);
  const found = await stat(full).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    if ((code === 'ENOENT' || code === 'ENOTDIR') && dirname(full) !== full) return null;
    throw unwritable(path, cause);
  });
  if (!found) return nearestFolder(dirname(full));
  if (!found.isDirectory()) throw unwritable(path, Object.assign(new Error(full), { code: 'ENOTDIR' }));
  await access(full, constants.W_OK).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  return full;
}

/** Makes a folder and what is missing above it, one by one: a recursive mkdir never returns below /proc. */
export async function makeFolder(path: string): Promise<void> {
  const full = resolve(path);
  const base = await nearestFolder(full);
  let at = base;
  for (const part of full.slice(base.length).split(sep).filter(Boolean)) {
    at = join(at, part);
    await mkdir(at).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(path, cause);
    });
  }
}

/** A file that is written at the end of the work: what can be known before the work is said before it. */
export async function checkFileTarget(flag: string, path: string): Promise<void> {
  if (path === '') throw new LabError('SpecError', `${flag} names no file.`, 'Name the file to write.');
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new LabError('SpecError', `${flag} ${path} is a folder.`, 'Name a file.');
  await nearestFolder(dirname(resolve(path)));
}

/** Where a path really leads, ending in a separator, so that what lies inside begins with it. */
async function trueFolder(path: string): Promise<string> {
  const real = await realpath(path).catch(() => resolve(path));
  return real.endsWith(sep) ? real : `${real}${sep}`;
}

/**
 * --out must not exist or be empty, unless --force; checked before any work. What --force may never take away are
 * `inputs` (paths that this run reads), the working folder and the home folder.
 */
export async function checkOut(
  out: string | undefined,
  force: boolean,
  inputs: readonly string[] = [],
): Promise<string> {
  if (!out) throw new LabError('SpecError', '--out DIR is missing.', 'Name the folder to write.');
  const full = resolve(out);
  const target = await trueFolder(full);
  const kept = await Promise.all(
    [...inputs, process.cwd(), homedir()].map(async (path) => ({ path, real: await trueFolder(path) })),
  );
  const held = kept.find(({ real }) => real.startsWith(target))?.path;
  if (force && held !== undefined)
    throw new LabError(
      'SpecError',
      `--out ${out} with --force would remove ${held}.`,
      'Choose another folder.',
    );
  let entries: string[];
  try {
    entries = await readdir(full);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      await nearestFolder(dirname(full));
      return full;
    }
    throw new LabError(
      'SpecError',
      `--out ${out} is not a folder that can be written (${code ?? 'unknown'}).`,
      'Choose another place.',
      { cause },
    );
  }
  if (entries.length > 0 && !force)
    throw new LabError(
      'SpecError',
      `--out ${out} is not empty.`,
      'Choose another folder, or add --force to replace it.',
    );
  return full;
}

/**
 * A folder that appears whole or not at all: `fill` writes into a folder beside `out`, which then takes its place.
 * Without `force` it takes the place of nothing or of an empty folder only, even when another process was quicker.
 */
export async function replaceFolder<T>(
  out: string,
  force: boolean,
  fill: (working: string) => Promise<T>,
): Promise<T> {
  await makeFolder(dirname(out));
  // Beside the target, so that the last step is a rename on one disk.
  const working = await mkdtemp(join(dirname(out), `.${basename(out)}.`)).catch((cause: unknown) => {
    throw unwritable(out, cause);
  });
  const old = `${working}.old`;
  try {
    const result = await fill(working);
    // mkdtemp made it private.
    await chmod(working, 0o777 & ~process.umask());
    if (force) await rename(out, old).catch(ignoreMissing);
    else await rmdir(out).catch(ignoreMissing);
    await rename(working, out);
    return result;
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    if (['ENOTEMPTY', 'EEXIST'].includes((cause as NodeJS.ErrnoException).code ?? '')) {
      throw new LabError(
        'SpecError',
        `--out ${out} is not empty any more.`,
        'Choose another folder, or add --force to replace it.',
        { cause },
      );
    }
    throw cause;
  } finally {
    await rm(working, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

function ignoreMissing(cause: unknown): void {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
}
