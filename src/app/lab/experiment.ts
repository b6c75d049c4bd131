/** Experiments that come back from files: finding the report, its base model, and the figures that it holds. */
import { LabError } from '../../core/errors';
import type { RunReport } from '../../core/report';
import type { LabSpec } from '../../core/spec';
import type { StoredExperiment } from '../../core/storedReport';
import type { ModelRequest } from '../../session/protocol';
import { compareReplay, describeReplay } from '../../session/replay';
import { curveKey, runKey } from '../stores/keys';
import type { RunRecord, RunState } from '../stores/runStore';
import type { PickedFile } from './files';

export interface FoundExperiment extends StoredExperiment {
  /** The file, as the user knows it. */
  source: string;
}

const RECORD = 'pruning.json';
const MAX_RECORD_BYTES = 64 << 20;

/**
 * The experiment in picked or dropped files: an export's pruning.json, or a lone report. Null where there is none;
 * SpecError where there is one that cannot be read.
 */
export async function experimentIn(files: readonly PickedFile[]): Promise<FoundExperiment | null> {
  const picked = recordAmong(files);
  if (!picked || picked.file.size > MAX_RECORD_BYTES) return null;
  const source = baseName(picked.path);
  const text = await picked.file.text();
  // A text of token ids is a lone .json too; only what begins like a report is taken for one.
  if (!/"schema"\s*:\s*"prunelab\./.test(text.slice(0, 4096)) && !text.includes('"prunelab.run/'))
    return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LabError('SpecError', `${source} is not valid JSON.`, 'Give the file as the lab wrote it.', {
      cause,
    });
  }
  const { isReport, parseStoredReport } = await import('../../core/storedReport');
  return isReport(value) ? { ...parseStoredReport(source, value), source } : null;
}

const baseName = (path: string): string => path.split('/').at(-1) ?? path;

function recordAmong(files: readonly PickedFile[]): PickedFile | undefined {
  const depth = ({ path }: PickedFile): number => path.split('/').length;
  const records = files.filter(({ path }) => baseName(path) === RECORD).sort((a, b) => depth(a) - depth(b));
  const lone = files.length === 1 && /\.json$/i.test(files[0]?.path ?? '') ? files[0] : undefined;
  return records[0] ?? lone;
}

/** What must be loaded to run the experiment again. */
export type BaseModel =
  | { kind: 'demo' }
  | { kind: 'hub'; id: string; revision: string }
  | { kind: 'files'; name: string; sha256: string };

export function baseOf({ spec, model }: RunReport): BaseModel {
  const named = model.name.startsWith('hf:') ? model.name : spec.model;
  if (named === 'demo' || model.name === 'demo') return { kind: 'demo' };
  const hub = /^hf:(?<id>[\w.-]+\/[\w.-]+)(?:@(?<revision>[\w./-]+))?$/.exec(named)?.groups;
  if (hub?.id) return { kind: 'hub', id: hub.id, revision: hub.revision ?? '' };
  return { kind: 'files', name: model.name, sha256: model.sha256 };
}

/** Whether loading `request` answers the question for `base`. */
export function answers(base: BaseModel, request: ModelRequest): boolean {
  return (
    base.kind === request.kind && (base.kind !== 'hub' || request.kind !== 'hub' || base.id === request.id)
  );
}

/** The spec as the page holds it: beta as a number, and the model as it is called here. */
export function pageSpec(report: RunReport, model: string): LabSpec {
  const chosen = report.allocation?.params['beta'];
  const given = report.spec.beta === 'auto' ? 0 : report.spec.beta;
  const { betas: _, ...spec } = report.spec;
  const byHand = spec.layerSparsity ? { allocation: 'custom' } : {};
  return { ...spec, ...byHand, model, beta: typeof chosen === 'number' ? chosen : given };
}

/** The report's figures as results of `spec`, marked with where they come from. */
export function storedResults(
  report: RunReport,
  source: string,
  spec: LabSpec,
): Pick<RunState, 'runs' | 'curves' | 'lastShown'> {
  const { errors, curve } = report;
  const key = runKey(spec);
  const record: RunRecord | null = errors
    ? { key, spec, kind: errors.kind, text: errors.text, tokens: errors.tokens, hidden: errors.hidden, rows: errors.layers, report, stored: source }
    : null; // prettier-ignore
  const curves = curve && {
    [curveKey(spec)]: {
      [curve.kind]: {
        key: curveKey(spec),
        kind: curve.kind,
        points: curve.points,
        done: true,
        stored: source,
      },
    },
  };
  return { runs: record ? { [key]: record } : {}, curves: curves ?? {}, lastShown: record ? key : null };
}

/** One line when the experiment was run again: whether it gave what the file says. */
export function compareAgain(stored: RunReport, now: RunReport, source: string): string {
  const same =
    stored.perplexity.pruned === now.perplexity.pruned &&
    JSON.stringify(stored.errors?.layers) === JSON.stringify(now.errors?.layers);
  if (same) return `Run again: every figure is that of ${source}.`;
  const figure = (report: RunReport): string => report.perplexity.pruned?.toPrecision(8) ?? 'diverged';
  // The page writes some settings in another way (a beta that was found for "auto"): model and texts decide here.
  const replay = compareReplay({ ...stored, spec: now.spec }, now);
  const device = stored.device.description || stored.device.vendor || 'another device';
  return `Run again: perplexity ${figure(now)} here, ${figure(stored)} in ${source} (${device}).${replay && replay.sameMasks !== null ? ` ${describeReplay(replay)}` : ''}`;
}
