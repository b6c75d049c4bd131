/** What --spec names: a report or spec file, an export's folder, or a kept run; and how far it fits what runs now. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError } from '../core/errors';
import type { LabSpec, TextName } from '../core/spec';
import { isReport, parseStoredReport } from '../core/storedReport';
import { parseStoredSpec } from '../core/storedSpec';
import { ENGINE_VERSION } from '../core/version';
import type { Repeatable } from '../session/replay';
import type { Parsed } from './flags';
import { readUserJson } from './io';
import { findRun, RUN_PREFIX } from './keptRuns';

export interface StoredRun {
  spec: LabSpec;
  /** To compare a repeated run with; null for a spec alone, and for a report of nothing pruned. */
  report: Repeatable | null;
  /** The export that the report lies in, null where it is a file by itself. */
  folder: string | null;
  /** What the report says of its making; null for a spec alone. */
  origin: { source: string; version: string | null; model: string | null; sha256: string | null } | null;
}

const REPORT_FILE = 'pruning.json';

/** Reads what --spec names; undefined without that flag. FetchError or SpecError with the place. */
export async function storedRun(parsed: Parsed): Promise<StoredRun | undefined> {
  const given = parsed.values.get('spec');
  if (given === undefined) return undefined;
  if (given.startsWith(RUN_PREFIX)) {
    const { report } = await findRun(given.slice(RUN_PREFIX.length));
    return describe(given, report, null);
  }
  const isFolder = (await stat(given).catch(() => null))?.isDirectory() ?? false;
  const path = isFolder ? join(given, REPORT_FILE) : given;
  const value = await readUserJson(path).catch((cause: unknown) => {
    if (!isFolder || LabError.from(cause).kind !== 'FetchError') throw cause;
    throw new LabError(
      'FetchError',
      `${given} holds no ${REPORT_FILE} that can be read.`,
      'Give a folder that "prunelab prune --out" has written, or a report.',
      { cause },
    );
  });
  const exported = basename(path) === REPORT_FILE && existsSync(join(dirname(path), 'config.json'));
  return describe(path, value, exported ? dirname(path) : null);
}

function describe(source: string, value: unknown, folder: string | null): StoredRun {
  const spec = pinned(parseStoredSpec(source, value), value);
  return {
    spec,
    report: repeatable(source, value),
    folder,
    origin: isReport(value) ? originOf(source, value) : null,
  };
}

/** Names on the Hub with the commits that the report states: run again, they are the same files. */
export function pinned(spec: LabSpec, value: unknown): LabSpec {
  const report = value as {
    model?: { commit?: unknown } | null;
    texts?: Partial<Record<TextName, { source?: unknown } | null>> | null;
  } | null;
  const pin = (name: string, commit: unknown): string =>
    name.startsWith('hf:') &&
    !name.includes('@') &&
    typeof commit === 'string' &&
    /^[0-9a-f]{40,64}$/.test(commit)
      ? `${name}@${commit}`
      : name;
  const texts = { ...spec.texts };
  for (const which of ['calibration', 'select', 'report'] as const) {
    const source = report?.texts?.[which]?.source;
    texts[which] = pin(texts[which], typeof source === 'string' ? /@([0-9a-f]+)\//.exec(source)?.[1] : null);
  }
  return { ...spec, model: pin(spec.model, report?.model?.commit), texts };
}

/** The spec is what --spec is for: a report whose figures are not whole still gives it. */
function repeatable(source: string, value: unknown): Repeatable | null {
  if (!isReport(value)) return null;
  try {
    const { report } = parseStoredReport(source, value);
    const { calibration, select, report: text } = report.texts;
    return report.allocation && calibration && select && text ? report : null;
  } catch {
    return null;
  }
}

function originOf(source: string, value: object): StoredRun['origin'] {
  const { version, model } = value as { version?: unknown; model?: { name?: unknown; sha256?: unknown } };
  const text = (x: unknown): string | null => (typeof x === 'string' ? x.slice(0, 200) : null);
  return { source, version: text(version), model: text(model?.name), sha256: text(model?.sha256) };
}

/** One sentence for each thing that makes the figures of `stored` another experiment's than those of this run. */
export function differences({ origin }: Pick<StoredRun, 'origin'>, loadedSha256: string): string[] {
  const found: string[] = [];
  if (origin?.sha256 && origin.sha256 !== loadedSha256)
    found.push(
      `The weights differ from those of ${origin.source}: SHA-256 ${loadedSha256.slice(0, 12)} here, ${origin.sha256.slice(0, 12)} there (${origin.model ?? 'unnamed'}). The figures will not be the same.`,
    );
  if (origin?.version && origin.version !== ENGINE_VERSION)
    found.push(
      `${origin.source} was made with version ${origin.version}, this is ${ENGINE_VERSION}: figures and masks may differ.`,
    );
  return found;
}
