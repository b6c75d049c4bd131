/**
 * Zero-shot tasks: every option of every document scored by its log-likelihood, on the dense model and on a pruned one.
 * Documents and what they add up to are plain; this file brings them to the GPU.
 */
import { LabError } from '../../core/errors';
import type { LabSpec } from '../../core/spec';
import { ENGINE_VERSION } from '../../core/version';
import {
  SHUFFLE_SEED,
  type TaskRecord,
  type ZeroShotMode,
  type ZeroShotRecord,
  type ZeroShotRequest,
} from '../../core/zeroshot';
import {
  chanceOf,
  comparePairs,
  constantAccuracy,
  scoreTask,
  type ScoredItem,
} from '../../eval/zeroshot/scores';
import { definitionOf, type Document } from '../../formats/zeroshot/tasks';
import type { MaskState } from '../engine';
import type { JobIo, Lab } from '../lab';
import type { TextIo } from '../host';
import type { ModelSummary } from '../protocol';
import { openTasks, type OpenTask } from './documents';
import { scoreOptions, scoreUnits, tokensRun } from './score';
import { optionTokens, type OptionTokens } from './tokens';

/** What a model says of the options of one task, all documents laid end to end. */
export interface TaskAnswers {
  tokens: OptionTokens[];
  dense: Float64Array;
  pruned?: Float64Array;
}

/** The loaded model, and itself pruned as `pruned` says. */
export async function zeroShot(
  lab: Lab,
  request: ZeroShotRequest,
  pruned: { spec: LabSpec; beta: number } | null,
  io: JobIo,
): Promise<ZeroShotRecord> {
  const tasks = await openTasks(lab.host, request.tasks, request.limit, fetchIo(io));
  const { answers, sparsity } = await answer(lab, tasks, request.mode, pruned, io);
  const record = await emptyRecord(lab, request);
  if (pruned && sparsity !== null) record.pruned = { kind: 'spec', ...pruned, sparsity };
  return filled(record, tasks, answers, request.items);
}

/** The loaded model beside another one that `open` puts in its place; both read the same documents. */
export async function zeroShotBeside(
  lab: Lab,
  request: ZeroShotRequest,
  open: () => Promise<ModelSummary>,
  io: JobIo,
): Promise<ZeroShotRecord> {
  const tasks = await openTasks(lab.host, request.tasks, request.limit, fetchIo(io));
  const { answers: dense } = await answer(lab, tasks, request.mode, null, io);
  const record = await emptyRecord(lab, request);
  const { zerosAtLoad } = await open();
  const { answers: other } = await answer(lab, tasks, request.mode, null, io);
  record.pruned = { kind: 'model', model: lab.loaded.record, sparsity: zerosAtLoad };
  return filled(record, tasks, besideEachOther(tasks, dense, other), request.items);
}

/** Answers to the same documents; TextError where the other tokenizer cuts them differently. */
function besideEachOther(
  tasks: readonly OpenTask[],
  dense: readonly TaskAnswers[],
  other: readonly TaskAnswers[],
): TaskAnswers[] {
  return dense.map((mine, i) => {
    const theirs = other[i];
    const same = theirs?.tokens.every(({ input, targets }, k) => {
      const own = mine.tokens[k];
      return own && equal(own.input, input) && equal(own.targets, targets);
    });
    if (!theirs || !same)
      throw new LabError(
        'TextError',
        `${tasks[i]?.task ?? 'A task'}: the two models do not read the same tokens.`,
        'Compare a model with a pruned form of itself.',
      );
    return { ...mine, pruned: theirs.dense };
  });
}

const equal = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i]);

async function answer(
  lab: Lab,
  tasks: readonly OpenTask[],
  mode: ZeroShotMode,
  pruned: { spec: LabSpec; beta: number } | null,
  io: JobIo,
): Promise<{ answers: TaskAnswers[]; sparsity: number | null }> {
  const { engine, texts, plan } = lab.loaded;
  const tokenizer = await texts.tokenizer();
  const tokens: OptionTokens[][] = [];
  for (const { documents, source } of tasks) {
    const where = optionNames(source, documents);
    const options = documents.flatMap((d) => d.options);
    const found = await optionTokens(tokenizer, options, mode, plan.config.context, where, io.signal);
    checkVocabulary(found, plan.config.vocabulary);
    tokens.push(found);
  }
  return lab.withRecorder(io, 'Zero-shot tasks', async (rec, meter) => {
    const sides = pruned ? 2 : 1;
    meter.total(tokens.reduce((sum, list) => sum + sides * scoreUnits(engine, list), 0));
    const answers: TaskAnswers[] = [];
    for (const list of tokens)
      answers.push({ tokens: list, dense: await scoreOptions(rec, engine, null, list, meter) });
    if (!pruned) return { answers, sparsity: null };
    const state = await lab.masks(pruned.spec, pruned.beta, rec, meter);
    for (const given of answers)
      given.pruned = await scoreOptions(rec, engine, state.layers, given.tokens, meter);
    return { answers, sparsity: sparsityOf(lab, state) };
  });
}

/** Names option i of all documents in a message. */
function optionNames(source: string, documents: readonly Document[]): (index: number) => string {
  return (index) => {
    let at = index;
    for (const { line, options } of documents) {
      if (at < options.length) return `${source}: line ${line}, option ${at + 1}`;
      at -= options.length;
    }
    return source;
  };
}

function checkVocabulary(options: readonly OptionTokens[], vocabulary: number): void {
  for (const { input, targets } of options)
    for (const ids of [input, targets])
      if (ids.some((id) => id >= vocabulary))
        throw new LabError(
          'TextError',
          `A token id is outside the embedding of ${vocabulary} rows.`,
          'The tokenizer does not belong to this model.',
        );
}

function sparsityOf(lab: Lab, { zeros }: MaskState): number {
  const { prunable } = lab.loaded.plan;
  const count = prunable.reduce((sum, m) => sum + m.count, 0);
  return (
    zeros.reduce((sum, layer) => sum + Object.values(layer).reduce((a, b) => a + b, 0), 0) / (count || 1)
  );
}

async function emptyRecord(lab: Lab, request: ZeroShotRequest): Promise<ZeroShotRecord> {
  const { record, texts, plan } = lab.loaded;
  const [around] = await (await texts.tokenizer()).encodeAll([''], true);
  return {
    schema: 'prunelab.zeroshot/1',
    version: ENGINE_VERSION,
    mode: request.mode,
    limit: request.limit,
    shuffleSeed: SHUFFLE_SEED,
    tokenizerAddsSpecials: (around?.length ?? 0) > 0,
    model: record,
    device: lab.ctx.record,
    tasks: [],
    mean: null,
    warnings: [...plan.warnings],
  };
}

function filled(
  record: ZeroShotRecord,
  tasks: readonly OpenTask[],
  answers: readonly TaskAnswers[],
  items: boolean,
): ZeroShotRecord {
  record.tasks = tasks.flatMap((task, i) => {
    const given = answers[i];
    return given ? [taskRecord(task, given, items)] : [];
  });
  for (const { title, truncated, scored } of record.tasks)
    if (truncated > 0)
      record.warnings.push(
        `${title}: ${truncated} of ${scored} items are longer than the model's context; their beginning was cut off.`,
      );
  const papers = record.tasks.filter(({ task }) => task !== 'cloze');
  if (papers.length > 1) {
    const average = (of: (task: TaskRecord) => number): number =>
      papers.reduce((sum, task) => sum + of(task), 0) / papers.length;
    record.mean = {
      dense: average(({ dense }) => dense.acc.mean),
      ...(papers.every(({ pruned }) => pruned) && {
        pruned: average(({ pruned }) => pruned?.acc.mean ?? NaN),
      }),
    };
  }
  return record;
}

function taskRecord(open: OpenTask, answers: TaskAnswers, items: boolean): TaskRecord {
  const definition = definitionOf(open.task);
  const judging = { norm: definition.norm, metric: definition.metric, fixed: definition.fixed?.length };
  const dense = itemsOf(open.documents, answers.dense);
  const pruned = answers.pruned && itemsOf(open.documents, answers.pruned);
  let at = 0;
  const perDocument = open.documents.map(({ options }) => answers.tokens.slice(at, (at += options.length)));
  return {
    task: open.task,
    title: definition.title,
    source: open.source,
    sha256: open.sha256,
    documents: open.count,
    scored: open.documents.length,
    metric: definition.metric,
    chance: chanceOf(dense),
    constant: definition.fixed
      ? { options: [...definition.fixed], accuracy: constantAccuracy(dense, definition.fixed.length) }
      : null,
    tokens: tokensRun(answers.tokens),
    truncated: perDocument.filter((options) => options.some(({ cut }) => cut > 0)).length,
    dense: scoreTask(dense, judging),
    ...(pruned && { pruned: scoreTask(pruned, judging), paired: comparePairs(dense, pruned, judging) }),
    ...(items && {
      items: open.documents.map(({ line, gold }, i) => ({
        line,
        gold,
        tokens: perDocument[i]?.map(({ targets }) => targets.length) ?? [],
        dense: finite(dense[i]),
        ...(pruned && { pruned: finite(pruned[i]) }),
      })),
    }),
  };
}

const finite = (item: ScoredItem | undefined): (number | null)[] =>
  item?.options.map(({ logLikelihood }) => (Number.isFinite(logLikelihood) ? logLikelihood : null)) ?? [];

function itemsOf(documents: readonly Document[], logLikelihoods: Float64Array): ScoredItem[] {
  let at = 0;
  return documents.map(({ gold, options }) => ({
    gold,
    options: options.map(({ characters }) => ({ logLikelihood: logLikelihoods[at++] ?? NaN, characters })),
  }));
}

function fetchIo(io: JobIo): TextIo {
  return {
    signal: io.signal,
    onProgress: (done, total) =>
      io.emit({
        type: 'progress',
        job: io.job,
        stage: 'Fetching a data set',
        done,
        total,
        unit: 'bytes',
        tokensPerSecond: null,
        secondsLeft: null,
      }),
  };
}
