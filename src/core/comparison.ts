/**
 * A comparison (schema prunelab.compare/1): pruners and allocations run one by one on the same model and texts, to the
 * same count of zeros. Plain records that travel between worker, page and file.
 */
import { LabError, type PlainError } from './errors';
import type { Divergence, DeviceRecord, ModelRecord, SeedRange, StatsKind, TextRecord } from './report';
import type { LabSpec, ParamValue, TextName } from './spec';

/** What all entries share. */
export type CompareBase = Omit<LabSpec, 'pruner' | 'allocation' | 'sparsity' | 'beta'>;

export interface CompareSpec {
  base: CompareBase;
  /** Each an id, or an id with parameters of its own: `owl:lambda=0.08:M=5`. */
  pruners: string[];
  allocations: string[];
  sparsities: number[];
  /** True: every pruner with the first allocation and the first pruner with every allocation, not their product. */
  axes: boolean;
}

/** A pruner or an allocation as it is listed. */
export interface CompareMethod {
  text: string;
  id: string;
  set: Record<string, ParamValue>;
}

/** One line of the queue. */
export interface CompareEntry {
  key: string;
  pruner: CompareMethod;
  allocation: CompareMethod;
  sparsity: number;
}

/** Paired comparison against another row on the same windows: ratio of perplexities and its 95 % interval. */
export interface PairedInterval {
  ratio: number;
  low: number | null;
  high: number | null;
  windows: number;
  distinguishable: boolean;
}

/** A pruned model on one text. */
export interface RowFigures extends Divergence, Partial<SeedRange> {
  /** Of the main seed; null when it diverged. */
  perplexity: number | null;
  diverged?: true;
  /** Mean token loss of each window, in nats. */
  losses: number[];
}

/** One candidate that a search measured on the select text. */
export interface SearchTrial {
  /** Since the entry began. */
  ms: number;
  perplexity: number | null;
  /** The smallest so far; null while all diverged. */
  best: number | null;
  beta?: number;
}

export interface RowCost {
  /** Wall time of the entry, waiting for other jobs left out. */
  ms: number;
  /** The part of it before the final run: the search for beta or for rates. */
  searchMs: number;
  /**
   * Forward work of the whole entry, search and final evaluation included, in passes of the calibration text through
   * the whole model (docs/methods.md, comparison).
   */
  modelPasses: number;
  dispatches: number;
  /** Milliseconds by stage of the final run. */
  stages: Record<string, number>;
}

interface RowHead {
  key: string;
  pruner: string;
  allocation: string;
  /** Parameters that were set, beta apart. */
  params: Record<string, ParamValue>;
  sparsity: number;
}

export interface DoneRow extends RowHead {
  status: 'done';
  /** Id of the run's report. */
  run: string;
  requested: number;
  achieved: number;
  zeros: number;
  count: number;
  perplexity: { select: RowFigures; report: RowFigures };
  /** Reconstruction errors by layer: squared sums, and those of the dense output that they are measured by. */
  errors: { text: TextName; kind: StatsKind; cumulative: (number | null)[]; dense: (number | null)[] };
  /** Fractions of zeros by layer: asked, and counted. */
  layers: { asked: number[]; achieved: number[] };
  /** ATP's common difference; null for other allocations. */
  beta: number | null;
  /** Why the allocation gave other rates than its rule. */
  fallback?: string;
  search?: { by: string; trials: SearchTrial[] };
  cost: RowCost;
  /** Against the row that the others are compared with. */
  paired?: { against: string; select: PairedInterval | null; report: PairedInterval | null };
  warnings: string[];
}

export interface UndoneRow extends RowHead {
  /** 'failed': it began and could not be finished. 'skipped': the combination makes no sense. */
  status: 'failed' | 'skipped';
  error: PlainError;
}

export type ComparisonRow = DoneRow | UndoneRow;

export interface Comparison {
  schema: 'prunelab.compare/1';
  /** Hash of everything that decides a row but its own methods and sparsity: rows of one id may stand together. */
  id: string;
  version: string;
  spec: CompareSpec;
  model: ModelRecord;
  device: DeviceRecord;
  texts: Record<TextName, TextRecord>;
  /** The dense model, measured once before the first entry. */
  dense: Record<'select' | 'report', { perplexity: number | null; losses: number[] }>;
  /** In the order of the queue; shorter than the queue while it runs or when it was cancelled. */
  rows: ComparisonRow[];
  warnings: string[];
}

export const MAX_ENTRIES = 500;
/** Parameters that are on in a comparison unless an entry says otherwise: all entries meet the same count of zeros. */
export const SAME_ZEROS: readonly string[] = ['exactBudget', 'exactMean'];
// No spaces: they part the methods in the key of a row.
const RE_METHOD = /^(?<id>[a-z0-9][a-z0-9-]*)(?<rest>(:[A-Za-z][\w-]*=[^:\s]*)*)$/;

/** The items of a list with commas; those inside parentheses belong to an item, as in mul(W,G). Empty ones are left out. */
export function listItems(text: string): string[] {
  let depth = 0;
  const items: string[] = [];
  let begin = 0;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at] ?? ',';
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (at < text.length && (char !== ',' || depth > 0)) continue;
    items.push(text.slice(begin, at).trim());
    begin = at + 1;
  }
  return items.filter(Boolean);
}

/** A value as flags write it. */
export function paramValue(text: string): ParamValue {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

/** `id` or `id:name=value:name=value`. SpecError otherwise. */
export function parseMethod(text: string): CompareMethod {
  const groups = RE_METHOD.exec(text)?.groups;
  if (!groups?.['id'])
    throw new LabError(
      'SpecError',
      `"${text.slice(0, 80)}" is not an id, or id:name=value.`,
      'Write for example wanda, or owl:lambda=0.08.',
    );
  const pairs = (groups['rest'] ?? '').split(':').filter(Boolean);
  const set = Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), paramValue(pair.slice(equals + 1))];
    }),
  );
  return { text, id: groups['id'], set };
}

/** The text of a method with parameters, as `parseMethod` reads it. SpecError where a value holds a colon or a space. */
export function methodText(id: string, set: Readonly<Record<string, ParamValue>>): string {
  return parseMethod([id, ...Object.entries(set).map(([name, value]) => `${name}=${value}`)].join(':')).text;
}

/** The queue: by sparsity, then pruner, then allocation. SpecError when it is empty, too long or lists one twice. */
export function compareEntries(spec: CompareSpec): CompareEntry[] {
  for (const [what, list] of Object.entries({
    pruners: spec.pruners,
    allocations: spec.allocations,
    sparsities: spec.sparsities,
  })) {
    if (list.length === 0)
      throw new LabError('SpecError', `A comparison lists no ${what}.`, 'Name at least one.');
    const twice = list.find((item, i) => (list as readonly unknown[]).indexOf(item) !== i);
    if (twice !== undefined) throw new LabError('SpecError', `${twice} is listed twice among the ${what}.`);
  }
  const bad = spec.sparsities.find((s) => !(s >= 0 && s <= 1));
  if (bad !== undefined) throw new LabError('SpecError', `Sparsity must be from 0 to 1, not ${bad}.`);
  const pruners = spec.pruners.map(parseMethod);
  const allocations = spec.allocations.map(parseMethod);
  const entries: CompareEntry[] = [];
  for (const sparsity of spec.sparsities)
    pruners.forEach((pruner, p) =>
      allocations.forEach((allocation, a) => {
        if (spec.axes && p > 0 && a > 0) return;
        entries.push({ key: `${pruner.text} ${allocation.text} ${sparsity}`, pruner, allocation, sparsity });
      }),
    );
  if (entries.length > MAX_ENTRIES)
    throw new LabError(
      'SpecError',
      `The comparison has ${entries.length} entries; at most ${MAX_ENTRIES}.`,
      'Compare fewer at once.',
    );
  return entries;
}

/** Key of the row that the rows of a sparsity are compared with: the first pruner, uniform where it is listed. */
export function baseKey(spec: CompareSpec, sparsity: number): string {
  const allocation = spec.allocations.includes('uniform') ? 'uniform' : spec.allocations[0];
  return `${spec.pruners[0]} ${allocation} ${sparsity}`;
}

export function isDone(row: ComparisonRow): row is DoneRow {
  return row.status === 'done';
}

/** Below this share of the weights a difference is the rounding of each matrix to whole weights. */
const ROUNDING = 1e-3;

/** A sentence for each sparsity at which the rows do not meet the same count of zeros. */
export function unequalZeros(rows: readonly ComparisonRow[]): string[] {
  const done = rows.filter(isDone);
  return [...new Set(done.map((row) => row.sparsity))].flatMap((sparsity) => {
    const zeros = done.filter((row) => row.sparsity === sparsity).map((row) => row.zeros);
    const [least, most] = [Math.min(...zeros), Math.max(...zeros)];
    if (least === most) return [];
    const count = done[0]?.count ?? 0;
    return [
      `At sparsity ${sparsity} the rows do not have the same count of zeros: from ${least} to ${most} of ${count}${most - least < ROUNDING * count ? ', since every matrix rounds to whole weights' : ''}.`,
    ];
  });
}

/** Cumulative error behind the last layer as a share of the dense output, squared; null where it diverged. */
export function lastError({ errors }: DoneRow): number | null {
  const cumulative = errors.cumulative.at(-1) ?? null;
  const dense = errors.dense.at(-1) ?? null;
  return cumulative === null || dense === null || dense === 0 ? null : cumulative / dense;
}

/** What a row is judged by: the mean over its seeds where several were measured. */
export function rowScore({ bySeed, mean, perplexity }: RowFigures): number | null {
  return bySeed ? (mean ?? null) : perplexity;
}
