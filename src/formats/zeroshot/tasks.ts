/**
 * The tasks as data: how a row of a data set becomes contexts, continuations and the right answer. Prompts are those of
 * EleutherAI's lm-evaluation-harness (docs/zeroshot.md has the table). Pure.
 */
import { capitalize, codePoints, strip } from '../../core/pythonText';
import type { ZeroShotTask } from '../../core/zeroshot';
import { isJsonObject } from '../json';

/** One option: log p(continuation | context) is its score. */
export interface Option {
  context: string;
  continuation: string;
  /** Characters of the option's text without the space before it. */
  characters: number;
}

export interface Document {
  /** Where it stands in its file; the first is 1. */
  line: number;
  options: Option[];
  gold: number;
}

export interface TaskDefinition {
  id: ZeroShotTask;
  title: string;
  /** The fields that a row must have, for messages. */
  fields: string;
  /** Whether acc_norm is defined, and what the verdict is about. */
  norm: boolean;
  metric: 'acc' | 'acc_norm';
  /** Options that are the same for every item. */
  fixed?: readonly string[];
  read: (row: Row) => Omit<Document, 'line'>;
}

/** What is wrong with a row; whoever knows file and line says so. */
export class RowProblem extends Error {}

const MAX_TEXT = 100_000;
const MAX_OPTIONS = 26;

/** Reads the fields of a row that nobody has checked. */
export class Row {
  readonly #values: Record<string, unknown>;

  constructor(value: unknown) {
    if (!isJsonObject(value)) throw new RowProblem('it is no JSON object');
    this.#values = value;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  get(name: string): unknown {
    return this.has(name) ? this.#values[name] : undefined;
  }

  text(name: string): string {
    return checkedText(`"${name}"`, this.get(name));
  }

  texts(name: string): string[] {
    return checkedTexts(`"${name}"`, this.get(name));
  }

  /** A whole number 0 to below `count`, as a number, a text of digits, or a truth value. */
  index(name: string, count: number): number {
    const value = this.get(name);
    const digits = typeof value === 'string' && /^\d{1,3}$/.test(value.trim());
    const number = typeof value === 'bigint' || typeof value === 'boolean' || digits ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < count)
      return number;
    throw new RowProblem(
      number === -1 ? `"${name}" is -1: it has no published answer` : `"${name}" is not 0 to ${count - 1}`,
    );
  }
}

function checkedText(what: string, value: unknown): string {
  if (typeof value !== 'string') throw new RowProblem(`${what} is no text`);
  if (value.length > MAX_TEXT) throw new RowProblem(`${what} has more than ${MAX_TEXT} characters`);
  return value;
}

function checkedTexts(what: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw new RowProblem(`${what} is no list of texts`);
  if (value.length < 2 || value.length > MAX_OPTIONS)
    throw new RowProblem(`${what} has ${value.length} entries, not 2 to ${MAX_OPTIONS}`);
  return value.map((text) => checkedText(`an entry of ${what}`, text));
}

/** The same context before every option's text. */
function choices(context: string, texts: readonly string[], gold: number): Omit<Document, 'line'> {
  return {
    options: texts.map((text) => ({ context, continuation: ` ${text}`, characters: codePoints(text) })),
    gold,
  };
}

/** HellaSwag's texts carry marks of the WikiHow pages that they were taken from. */
export function cleanHellaSwag(text: string): string {
  return strip(text)
    .replaceAll(' [title]', '. ')
    .replace(/\[[^\n]*?\]/g, '')
    .replaceAll('  ', ' ');
}

/**
 * Options and key of ARC and OpenBookQA: `choices` {text, label} as the Hub has them, or the original files' list of
 * {text, label} inside `question`. Labels 1 to 5 stand for A to E.
 */
function lettered(row: Row, questionField: string): { question: string; texts: string[]; gold: number } {
  const nested = row.get('question');
  const inside = isJsonObject(nested) ? new Row(nested) : null;
  const question = inside ? inside.text('stem') : row.text(questionField);
  const given = (inside ?? row).get('choices');
  const list: unknown = Array.isArray(given)
    ? { text: given.map((c) => new Row(c).get('text')), label: given.map((c) => new Row(c).get('label')) }
    : given;
  if (!isJsonObject(list)) throw new RowProblem('"choices" has no texts and labels');
  const both = new Row(list);
  const texts = both.texts('text');
  const labels = both.texts('label').map(letter);
  const key = letter(row.text('answerKey').trimStart());
  const gold = labels.indexOf(key);
  if (labels.length !== texts.length) throw new RowProblem('"choices" has not as many labels as texts');
  if (gold < 0) throw new RowProblem(`"answerKey" is none of the labels ${labels.join(', ').slice(0, 60)}`);
  return { question, texts, gold };
}

const letter = (label: string): string =>
  /^[1-5]$/.test(label) ? String.fromCharCode(0x40 + Number(label)) : label;

const arc = (id: 'arc_easy' | 'arc_challenge', title: string): TaskDefinition => ({
  id,
  title,
  fields: 'question, choices {text, label}, answerKey',
  norm: true,
  metric: 'acc',
  read(row) {
    const { question, texts, gold } = lettered(row, 'question');
    return choices(`Question: ${question}\nAnswer:`, texts, gold);
  },
});

const DEFINITIONS: readonly TaskDefinition[] = [
  {
    id: 'cloze',
    title: 'Next sentence',
    fields: 'context, options, gold',
    norm: true,
    metric: 'acc_norm',
    read(row) {
      const texts = row.texts('options');
      return choices(row.text('context'), texts, row.index('gold', texts.length));
    },
  },
  {
    id: 'boolq',
    title: 'BoolQ',
    fields: 'passage, question, label 0 or 1 (or answer true or false)',
    norm: false,
    metric: 'acc',
    fixed: ['no', 'yes'],
    // "no" stands first, so that a tie is a no.
    read: (row) =>
      choices(
        `${row.text('passage')}\nQuestion: ${row.text('question')}?\nAnswer:`,
        ['no', 'yes'],
        row.index(row.has('label') ? 'label' : 'answer', 2),
      ),
  },
  {
    id: 'rte',
    title: 'RTE',
    fields: 'sentence1, sentence2, label 0 (entailment) or 1',
    norm: false,
    metric: 'acc',
    fixed: ['True', 'False'],
    read(row) {
      const names = ['entailment', 'not_entailment'];
      const named = names.indexOf(String(row.get('label')));
      const [first, second] = row.has('premise') ? ['premise', 'hypothesis'] : ['sentence1', 'sentence2'];
      return choices(
        `${row.text(first)}\nQuestion: ${row.text(second)} True or False?\nAnswer:`,
        ['True', 'False'],
        named >= 0 ? named : row.index('label', 2),
      );
    },
  },
  {
    id: 'hellaswag',
    title: 'HellaSwag',
    fields: 'activity_label, ctx_a, ctx_b, endings, label',
    norm: true,
    metric: 'acc',
    read(row) {
      const endings = row.texts('endings').map(cleanHellaSwag);
      const context = `${row.text('activity_label')}: ${row.text('ctx_a')} ${capitalize(row.text('ctx_b'))}`;
      return choices(cleanHellaSwag(context), endings, row.index('label', endings.length));
    },
  },
  {
    id: 'winogrande',
    title: 'WinoGrande',
    fields: 'sentence with _, option1, option2, answer 1 or 2',
    norm: false,
    metric: 'acc',
    read(row) {
      const sentence = row.text('sentence');
      const at = sentence.indexOf('_');
      if (at < 0) throw new RowProblem('"sentence" has no _');
      const after = strip(sentence.slice(at + 1));
      const answer = row.index('answer', 3);
      if (answer === 0) throw new RowProblem('"answer" is not 1 or 2');
      // Partial evaluation: the option is part of the context, what follows it is scored.
      return {
        options: ['option1', 'option2'].map((name) => ({
          context: sentence.slice(0, at) + row.text(name),
          continuation: ` ${after}`,
          characters: codePoints(after),
        })),
        gold: answer - 1,
      };
    },
  },
  arc('arc_easy', 'ARC-easy'),
  arc('arc_challenge', 'ARC-challenge'),
  {
    id: 'openbookqa',
    title: 'OpenBookQA',
    fields: 'question_stem, choices {text, label}, answerKey',
    norm: true,
    metric: 'acc',
    read(row) {
      const { question, texts, gold } = lettered(row, 'question_stem');
      return choices(question, texts, gold);
    },
  },
  {
    id: 'piqa',
    title: 'PIQA',
    fields: 'goal, sol1, sol2, label 0 or 1',
    norm: true,
    metric: 'acc',
    read: (row) =>
      choices(
        `Question: ${row.text('goal')}\nAnswer:`,
        [row.text('sol1'), row.text('sol2')],
        row.index('label', 2),
      ),
  },
];

export function definitionOf(task: ZeroShotTask): TaskDefinition {
  const found = DEFINITIONS.find(({ id }) => id === task);
  if (!found) throw new Error(`there is no task ${task}`);
  return found;
}
