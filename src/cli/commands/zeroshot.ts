import { basename } from 'node:path';
import { LabError } from '../../core/errors';
import { parseNumber } from '../../core/spec';
import {
  ZERO_SHOT_MODES,
  ZERO_SHOT_TASKS,
  type TaskRequest,
  type ZeroShotMode,
  type ZeroShotRequest,
} from '../../core/zeroshot';
import { isRevision } from '../../formats/hubId';
import { MAX_TASK_BYTES } from '../../formats/zeroshot/documents';
import { zeroShot, zeroShotBeside } from '../../session/zeroshot';
import type { Command } from '../command';
import { describeZeroShot } from '../describeZeroShot';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { readUserFile } from '../io';
import { openSession, readSpec, storedSpec } from '../session';

export const zeroShotCommand: Command = {
  name: 'zeroshot',
  usage: 'zeroshot <model> --tasks LIST',
  summary: 'multiple-choice tasks by log-likelihood, dense against pruned',
  flags: [...EXPERIMENT_FLAGS, 'pruned', 'tasks', 'mode', 'limit', 'items'],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed, await storedSpec(parsed));
    const request = await readRequest(parsed);
    const exported = parsed.values.get('pruned');
    const prunes = EXPERIMENT_FLAGS.some(
      (flag) =>
        flag !== 'no-history' &&
        (parsed.values.has(flag) || parsed.switches.has(flag) || parsed.lists.has(flag)),
    );
    if (exported !== undefined && prunes)
      throw new LabError(
        'SpecError',
        '--pruned compares with a folder; the other flags would prune the model again.',
        'Give --pruned, or the flags of prune.',
      );
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const spec = prunes ? await readSpec(parsed, lab, 0) : null;
      await session.load(spec?.model ?? model);
      let record;
      if (exported !== undefined)
        record = await zeroShotBeside(lab, request, () => session.load(exported), io);
      else {
        const options = {
          kind: spec?.stats === 'dense' ? 'preview' : 'exact',
          betas: spec?.betas ?? null,
        } as const;
        const beta = spec?.beta === 'auto' ? ((await lab.sweep(spec, options, io)).best ?? 0) : spec?.beta;
        const pruned = spec && typeof beta === 'number' ? { spec, beta } : null;
        record = await zeroShot(lab, request, pruned, io);
      }
      for (const warning of record.warnings) console.warn(warning);
      await finish(record, describeZeroShot(record));
      return 0;
    } finally {
      session.close();
    }
  },
};

async function readRequest(parsed: Parsed): Promise<ZeroShotRequest> {
  const tasks: TaskRequest[] = [];
  for (const entry of (parsed.values.get('tasks') ?? 'cloze').split(','))
    if (entry.trim() !== '') tasks.push(await readTask(entry.trim()));
  if (tasks.length === 0) throw new LabError('SpecError', '--tasks names no task.', KNOWN);
  const limit = parsed.values.get('limit');
  return {
    tasks,
    mode: modeOf(parsed.values.get('mode') ?? 'paper'),
    limit: limit === undefined ? null : parseNumber('--limit', limit, { min: 1, max: 1e6, integer: true }),
    items: parsed.switches.has('items'),
  };
}

const KNOWN = `Use ${ZERO_SHOT_TASKS.join(', ')}; a file as TASK=FILE.jsonl.`;

/** 'cloze', 'boolq' (the Hub), 'boolq@revision', 'boolq=FILE.jsonl'. */
async function readTask(entry: string): Promise<TaskRequest> {
  const equals = entry.indexOf('=');
  const [name = '', revision] = (equals < 0 ? entry : entry.slice(0, equals)).split('@', 2);
  const task = ZERO_SHOT_TASKS.find((id) => id === name);
  if (!task) throw new LabError('SpecError', `--tasks: there is no task "${name.slice(0, 60)}".`, KNOWN);
  if (equals >= 0) {
    const path = entry.slice(equals + 1);
    if (revision !== undefined || path === '')
      throw new LabError('SpecError', `--tasks ${entry.slice(0, 120)} names no file.`, KNOWN);
    return { task, file: { name: basename(path), bytes: await readUserFile(path, MAX_TASK_BYTES) } };
  }
  if (revision === undefined) return { task };
  if (task === 'cloze' || !isRevision(revision))
    throw new LabError('SpecError', `--tasks ${entry.slice(0, 120)}: no revision of a data set.`, KNOWN);
  return { task, revision };
}

function modeOf(text: string): ZeroShotMode {
  const found = ZERO_SHOT_MODES.find((mode) => mode === text);
  if (found) return found;
  throw new LabError(
    'SpecError',
    `--mode must be ${ZERO_SHOT_MODES.join(' or ')}; not "${text.slice(0, 60)}".`,
  );
}
