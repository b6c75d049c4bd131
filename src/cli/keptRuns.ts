/**
 * Reports of past runs, kept in `<cache>/runs`, one file each. Files appear whole or not at all, so commands that run
 * side by side do not disturb each other; a file that cannot be read is left out with a warning, never an error.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import { parseStoredReport } from '../core/storedReport';
import { defaultCache } from '../formats/hubCache.node';
import { parseJson } from '../formats/json';
import type { Parsed } from './flags';
import { writeWhole, type Console } from './io';

export const RUN_PREFIX = 'run:';
/** The oldest go when there are more. */
const MAX_RUNS = 500;
const MAX_FILE_BYTES = 64 << 20;
/** A temporary file of a command that was killed; a writer needs milliseconds. */
const STALE_MS = 3_600_000;

export interface KeptRun {
  /** Name of its file. */
  file: string;
  /** When it ended, ISO 8601. */
  savedAt: string;
  command: string;
  report: RunReport;
}

type Warn = (text: string) => void;

export function runsFolder(): string {
  return join(defaultCache(), 'runs');
}

/** Keeps a report, unless --no-history. A place that cannot be written costs a warning. */
export async function keepRun(parsed: Parsed, console: Console, report: RunReport): Promise<void> {
  if (parsed.switches.has('no-history')) return;
  const folder = runsFolder();
  const { command } = parsed;
  const record = { savedAt: new Date().toISOString(), command, report };
  try {
    await writeWhole(join(folder, `${report.id}.${command}.json`), `${JSON.stringify(record)}\n`);
    await trim(folder);
  } catch (cause) {
    console.warn(
      `This run is not kept in the list of past runs: ${LabError.from(cause).message} (--no-history says not to.)`,
    );
  }
}

/** By file time, since only names and dates are needed. */
async function trim(folder: string): Promise<void> {
  const names = await readdir(folder);
  const now = Date.now();
  for (const name of names.filter((n) => n.endsWith('.tmp'))) {
    const info = await stat(join(folder, name)).catch(() => null);
    if (info && now - info.mtimeMs > STALE_MS) await rm(join(folder, name), { force: true });
  }
  const runs = names.filter(isRun);
  if (runs.length <= MAX_RUNS) return;
  const dated = await Promise.all(
    runs.map(async (name) => ({
      name,
      at: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0,
    })),
  );
  dated.sort((a, b) => b.at - a.at);
  for (const { name } of dated.slice(MAX_RUNS)) await rm(join(folder, name), { force: true });
}

const isRun = (name: string): boolean => name.endsWith('.json') && !name.startsWith('.');

/** All kept runs, the newest first. Files that are not runs are warned of and left out. */
export async function listRuns(warn: Warn = () => undefined): Promise<KeptRun[]> {
  const folder = runsFolder();
  const names = await readdir(folder).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new LabError(
      'FetchError',
      `${folder} cannot be read: ${String((cause as NodeJS.ErrnoException).code)}.`,
    );
  });
  const runs: KeptRun[] = [];
  for (const name of names.filter(isRun)) {
    try {
      const run = await readRun(folder, name);
      if (run) runs.push(run);
    } catch (cause) {
      warn(`A past run is left out: ${LabError.from(cause).message}`);
    }
  }
  return runs.sort((a, b) => (a.savedAt < b.savedAt ? 1 : a.savedAt > b.savedAt ? -1 : 0));
}

/** null when it was deleted meanwhile. */
async function readRun(folder: string, file: string): Promise<KeptRun | null> {
  const path = join(folder, file);
  const info = await stat(path).catch(() => null);
  if (!info) return null;
  if (info.size > MAX_FILE_BYTES)
    throw new LabError('FormatError', `${file} has ${info.size} bytes, more than ${MAX_FILE_BYTES}.`);
  const value = parseJson(file, await readFile(path, 'utf8'));
  const { savedAt, command, report } = (value ?? {}) as Record<string, unknown>;
  if (typeof savedAt !== 'string' || Number.isNaN(Date.parse(savedAt)) || typeof command !== 'string')
    throw new LabError('FormatError', `${file} is not a kept run.`);
  return {
    file,
    savedAt: new Date(savedAt).toISOString(),
    command: command.slice(0, 40),
    report: parseStoredReport(file, report).report,
  };
}

/** The run whose id begins so. SpecError when there is none, or more than one id. */
export async function findRun(prefix: string, warn?: Warn): Promise<KeptRun> {
  const [first] = await matching(prefix, warn);
  return first as KeptRun;
}

/** At least one run, all of one id, the fullest first. */
async function matching(prefix: string, warn?: Warn): Promise<KeptRun[]> {
  if (!/^[0-9a-z]+$/i.test(prefix))
    throw new LabError(
      'SpecError',
      `"${prefix.slice(0, 80)}" is not the beginning of a run's id.`,
      'See "prunelab runs".',
    );
  const found = (await listRuns(warn)).filter(({ report }) => report.id.startsWith(prefix.toLowerCase()));
  const ids = new Set(found.map(({ report }) => report.id));
  if (ids.size === 0)
    throw new LabError('SpecError', `No past run's id begins with ${prefix}.`, 'See "prunelab runs".');
  if (ids.size > 1)
    throw new LabError(
      'SpecError',
      `${ids.size} past runs have an id that begins with ${prefix}.`,
      'Give more of it.',
    );
  // An eval and a sweep of one spec share their id.
  const fullness = ({ report }: KeptRun): number => (report.errors ? 1 : 0) + (report.curve ? 1 : 0);
  return found.sort((a, b) => fullness(b) - fullness(a));
}

/** Removes the runs with this id; the number of files that are gone. */
export async function deleteRun(prefix: string, warn?: Warn): Promise<number> {
  const found = await matching(prefix, warn);
  for (const { file } of found) await rm(join(runsFolder(), file), { force: true });
  return found.length;
}

/** Removes everything that is kept, broken files included. */
export async function deleteAllRuns(): Promise<number> {
  const folder = runsFolder();
  const names = (await readdir(folder).catch(() => [])).filter(isRun);
  for (const name of names) await rm(join(folder, name), { force: true });
  return names.length;
}
