/** Standard error, standard output and files of the command line: progress, warnings, the last line of an error. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LabError } from '../core/errors';
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
    const done = event.unit === 'bytes' ? `${megabytes(event.done)}/${megabytes(event.total)} MB` : `${Math.floor((100 * event.done) / event.total)} %`;
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
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Reads a small file the user named; FetchError with its name when it cannot be read. */
export async function readUserFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new LabError('TextError', `${path} has ${size} bytes; at most ${maxBytes} are read.`, 'Give a smaller file.');
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    throw new LabError('FetchError', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`, 'Check the path.', { cause });
  }
}

export async function readUserJson(path: string, maxBytes = 256 << 20): Promise<unknown> {
  const bytes = await readUserFile(path, maxBytes);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new LabError('SpecError', `${path} is not valid JSON.`, 'Check the file.', { cause });
  }
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const full = resolve(path);
  const temporary = join(dirname(full), `.${process.pid}.${Date.now()}.tmp`);
  try {
    await mkdir(dirname(full), { recursive: true });
    await writeFile(temporary, data);
    await rename(temporary, full);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new LabError('FetchError', `${path} cannot be written: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`, 'Choose another place.', { cause });
  }
}

/** --out must not exist or be empty, unless --force; checked before any work. */
export async function checkOut(out: string | undefined, force: boolean): Promise<string> {
  if (!out) throw new LabError('SpecError', '--out DIR is missing.', 'Name the folder to write.');
  const full = resolve(out);
  let entries: string[];
  try {
    entries = await readdir(full);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return full;
    throw new LabError('SpecError', `--out ${out} is not a folder that can be written (${code ?? 'unknown'}).`, 'Choose another place.', { cause });
  }
  if (entries.length > 0 && !force) throw new LabError('SpecError', `--out ${out} is not empty.`, 'Choose another folder, or add --force to replace it.');
  return full;
}
