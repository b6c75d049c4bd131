import { rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  compareEntries,
  isDone,
  listItems,
  parseMethod,
  type Comparison,
  type CompareSpec,
} from '../../core/comparison';
import { LabError } from '../../core/errors';
import { parseNumber, parsePattern } from '../../core/spec';
import { parseStoredComparison } from '../../core/storedComparison';
import { compareHtml } from '../../formats/compareHtml';
import { compareCsv } from '../../formats/compareTable';
import { allocations, findAllocation } from '../../pruning/allocations';
import { findPruner, PRUNERS } from '../../pruning/pruners';
import { compare } from '../../session/compare';
import type { Command } from '../command';
import { describeComparison } from '../describeComparison';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { checkFileTarget, readUserJson, writeWhole } from '../io';
import { openSession, readSpec } from '../session';
import { parseBetas } from './sweep';

const OWN = ['pruner', 'allocation', 'sparsity', 'beta', 'spec', 'no-history'];

export const compareCommand: Command = {
  name: 'compare',
  usage: 'compare <model> --pruners LIST --allocations LIST',
  summary: 'several methods to the same count of zeros, side by side',
  flags: [
    ...EXPERIMENT_FLAGS.filter((flag) => !OWN.includes(flag)),
    'seeds',
    'betas',
    'pruners',
    'allocations',
    'sparsities',
    'axes',
    'html',
    'csv',
    'resume',
  ],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed);
    const lists = readLists(parsed);
    const betas = parseBetas(parsed);
    const written = await targets(parsed);
    const known = await readKnown(parsed.values.get('resume'));
    const session = await openSession(parsed, console, signal);
    let kept = 0;
    try {
      const { lab, io } = session;
      const { pruner: _p, allocation: _a, sparsity: _s, beta: _b, ...base } = await readSpec(parsed, lab, 0);
      const spec: CompareSpec = { ...lists, base: { ...base, ...(betas ? { betas } : {}) } };
      await session.load(base.model);
      // Rows are written one after another, each file whole.
      let writing: Promise<void> = Promise.resolve();
      const keep = (comparison: Comparison): void => {
        const { progress } = written;
        kept = comparison.rows.length;
        if (progress !== undefined && kept > 0)
          writing = writing.then(() => writeWhole(progress, `${JSON.stringify(comparison)}\n`));
        // A place that cannot be written any more is said at the end.
        writing.catch(() => undefined);
      };
      const result = await compare(lab, spec, known, {
        ...io,
        emit: (event) => {
          if (event.type === 'compared') keep(event.comparison);
          else io.emit(event);
        },
      }).finally(() => writing);
      for (const warning of result.warnings) console.warn(warning);
      if (!result.rows.some(isDone)) throw allUndone(result);
      for (const row of result.rows)
        if (!isDone(row))
          console.warn(
            `${row.key} ${row.status === 'failed' ? 'failed' : 'was skipped'}: ${row.error.message}`,
          );
      if (written.html !== undefined) await writeWhole(written.html, compareHtml(result));
      if (written.csv !== undefined) await writeWhole(written.csv, compareCsv(result));
      await finish(result, describeComparison(result));
      if (written.temporary) await rm(written.temporary, { force: true });
      return 0;
    } catch (error) {
      if (written.progress !== undefined && kept > 0)
        console.note(
          `${kept} ${kept === 1 ? 'row is' : 'rows are'} kept in ${written.progress}; --resume ${basename(written.progress)} goes on from there.`,
        );
      throw error;
    } finally {
      session.close();
    }
  },
};

/** What is compared; ids are checked before a model is loaded. */
function readLists(parsed: Parsed): Omit<CompareSpec, 'base'> {
  const list = (name: string, without: string, all: readonly string[] = []): string[] => {
    const named = listItems(parsed.values.get(name) ?? without);
    // 'all' stands for what the list does not name itself.
    return named.flatMap((item) => (item === 'all' ? all.filter((id) => !named.includes(id)) : [item]));
  };
  const pattern = parsePattern(parsed.values.get('pattern') ?? 'free');
  const rate = pattern === 'free' ? '0.7' : String(1 - pattern.keep / pattern.group);
  const lists = {
    pruners: list(
      'pruners',
      'wanda',
      PRUNERS.map(({ id }) => id),
    ),
    allocations: list(
      'allocations',
      'uniform,atp',
      allocations.filter(({ listed }) => listed).map(({ id }) => id),
    ),
    sparsities: list('sparsities', rate).map((text) => parseNumber('--sparsities', text, { min: 0, max: 1 })),
    axes: parsed.switches.has('axes'),
  };
  for (const text of lists.pruners) findPruner(parseMethod(text).id);
  for (const text of lists.allocations) findAllocation(parseMethod(text).id);
  compareEntries({ ...lists, base: {} as CompareSpec['base'] });
  return lists;
}

interface Targets {
  html?: string;
  csv?: string;
  /** Written after every row. */
  progress?: string;
  /** What of that goes when all is done. */
  temporary?: string;
}

async function targets(parsed: Parsed): Promise<Targets> {
  const out: Targets = {};
  for (const flag of ['html', 'csv', 'resume'] as const) {
    const path = parsed.values.get(flag);
    if (path === undefined) continue;
    await checkFileTarget(`--${flag}`, path);
    if (flag === 'resume') out.progress = path;
    else out[flag] = path;
  }
  const json = parsed.values.get('json');
  if (out.progress === undefined && json !== undefined && json !== '-')
    out.progress = out.temporary = `${json}.partial`;
  return out;
}

/** What --resume holds; a file that is not there yet begins a comparison. */
async function readKnown(path: string | undefined): Promise<Comparison | null> {
  if (path === undefined || (await stat(path).catch(() => null)) === null) return null;
  return parseStoredComparison(path, await readUserJson(path));
}

/** Nothing was measured: the first reason stands for all. */
function allUndone({ rows }: Comparison): LabError {
  const first = rows.find((row) => !isDone(row));
  if (!first || isDone(first)) return new LabError('SpecError', 'There is nothing to compare.');
  const { kind, message, remedy } = first.error;
  return new LabError(
    kind,
    `${rows.length === 1 ? 'The entry' : `None of ${rows.length} entries`} could ${rows.length === 1 ? 'not ' : ''}be measured. ${first.key}: ${message}`,
    remedy,
  );
}
