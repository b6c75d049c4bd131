import { rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError } from '../../core/errors';
import { parseNumber, parseSeeds } from '../../core/spec';
import { parseStoredTheory } from '../../core/storedTheory';
import { THEOREMS, THEORY_RATES, THEORY_SEEDS, type TheoremId, type TheoryRecord, type TheorySpec } from '../../core/theory'; // prettier-ignore
import { theorySvgs } from '../../formats/theoryCharts';
import { runTheory } from '../../session/theory';
import type { Command } from '../command';
import { describeTheory } from '../describeTheory';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { checkFileTarget, makeFolder, readUserJson, writeWhole } from '../io';
import { openSession, readSpec } from '../session';

const NOT_USED = ['allocation', 'layer-sparsity', 'pattern', 'spec', 'no-history'];

export const theoryCommand: Command = {
  name: 'theory',
  usage: 'theory <model> --theorem ID',
  summary: "the paper's claims on trial on this model, each with its numbers and a verdict",
  flags: [
    'theorem',
    ...EXPERIMENT_FLAGS.filter((flag) => !NOT_USED.includes(flag)),
    'seeds',
    'rates',
    'others',
    'figures',
    'resume',
  ],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed);
    const asked = readAsked(parsed);
    const files = await targets(parsed);
    const known = await readKnown(parsed.values.get('resume'));
    const session = await openSession(parsed, console, signal);
    let kept = 0;
    try {
      const { lab, io } = session;
      // The seeds are the theory's own: what is not repeated is measured on the main one.
      const { seeds: _, ...base } = await readSpec(parsed, lab, 'auto');
      const spec: TheorySpec = { ...asked, seeds: asked.seeds(base.seed), base };
      await session.load(base.model);
      // One after another, each file whole.
      let writing: Promise<void> = Promise.resolve();
      const keep = (record: TheoryRecord): void => {
        const { progress } = files;
        kept = record.trials.length + record.experiments.length;
        if (progress !== undefined && kept > 0)
          writing = writing.then(() => writeWhole(progress, `${JSON.stringify(record)}\n`));
        // A place that cannot be written any more is said at the end.
        writing.catch(() => undefined);
      };
      const record = await runTheory(
        lab,
        spec,
        { known, other: 'refuse' },
        {
          ...io,
          emit: (event) => {
            if (event.type === 'theory') keep(event.record);
            else io.emit(event);
          },
        },
      ).finally(() => writing);
      for (const warning of record.warnings) console.warn(warning);
      if (files.progress !== undefined && !files.temporary)
        await writeWhole(files.progress, `${JSON.stringify(record)}\n`);
      if (files.figures !== undefined) await writeFigures(files.figures, record);
      await finish(record, describeTheory(record));
      if (files.temporary && files.progress !== undefined) await rm(files.progress, { force: true });
      return 0;
    } catch (error) {
      if (files.progress !== undefined && kept > 0)
        console.note(
          `What was measured is kept in ${files.progress}; --resume ${basename(files.progress)} goes on from there.`,
        );
      throw error;
    } finally {
      session.close();
    }
  },
};

/** What needs no model; SpecError for a theorem that there is not. */
function readAsked(
  parsed: Parsed,
): Pick<TheorySpec, 'theorems' | 'rates' | 'others'> & { seeds: (main: number) => number[] } {
  const given = parsed.values.get('theorem');
  if (given === undefined)
    throw new LabError(
      'SpecError',
      '"theory" needs a theorem.',
      `Give --theorem ${THEOREMS.join(', ')} or all.`,
    );
  const names = given.split(',').map((name) => name.trim());
  const theorems = names.includes('all')
    ? [...THEOREMS]
    : names.map((name) => {
        const found = THEOREMS.find((theorem) => theorem === name);
        if (!found)
          throw new LabError(
            'SpecError',
            `There is no theorem "${name.slice(0, 60)}".`,
            `Use one of ${THEOREMS.join(', ')}, or all.`,
          );
        return found;
      });
  const rates = parsed.values
    .get('rates')
    ?.split(',')
    .map((text) => parseNumber('--rates', text, { min: 0, max: 1 })) ?? [...THEORY_RATES];
  const others = parsed.values.get('others') ?? 'target';
  if (others !== 'target' && others !== 'dense')
    throw new LabError('SpecError', `--others must be target, dense; not "${others.slice(0, 60)}".`);
  const list = parsed.values.get('seeds');
  const seeds = list === undefined ? null : parseSeeds('--seeds', list);
  return {
    theorems: [...new Set<TheoremId>(theorems)],
    rates,
    others,
    // Without a list, the main seed leads the default ones.
    seeds: (main) => seeds ?? [...new Set([main, ...THEORY_SEEDS])].slice(0, THEORY_SEEDS.length),
  };
}

/** `progress` is written after every measurement; `temporary`: it goes when all is done. */
async function targets(parsed: Parsed): Promise<{ progress?: string; temporary: boolean; figures?: string }> {
  const folder = parsed.values.get('figures');
  const figures = folder === undefined ? {} : { figures: folder };
  const resume = parsed.values.get('resume');
  if (resume !== undefined) {
    await checkFileTarget('--resume', resume);
    return { progress: resume, temporary: false, ...figures };
  }
  const json = parsed.values.get('json');
  return json === undefined || json === '-'
    ? { temporary: false, ...figures }
    : { progress: `${json}.partial`, temporary: true, ...figures };
}

async function writeFigures(folder: string, record: TheoryRecord): Promise<void> {
  await makeFolder(folder);
  for (const [name, svg] of theorySvgs(record)) await writeWhole(join(folder, name), svg);
}

/** What --resume holds; a file that is not there yet begins anew. */
async function readKnown(path: string | undefined): Promise<TheoryRecord | null> {
  if (path === undefined || (await stat(path).catch(() => null)) === null) return null;
  return parseStoredTheory(path, await readUserJson(path, 256 << 20));
}
