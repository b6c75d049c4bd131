import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BUNDLED_TEXT } from '../../core/bundledText';
import { LabError } from '../../core/errors';
import { sha256Hex } from '../../core/hash';
import { ZERO_SHOT_TASKS, type ZeroShotTask } from '../../core/zeroshot';
import fixture from '../../testing/fixtures/zeroshot.json';
import { clozeItems, clozeLines } from './cloze';
import { parseJsonLines, readRows } from './documents';
import { cleanHellaSwag, definitionOf, type Document } from './tasks';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (task: ZeroShotTask, ...rows: unknown[]): Document[] =>
  parseJsonLines(definitionOf(task), 'f.jsonl', bytes(rows.map((row) => JSON.stringify(row)).join('\n')));
const one = (task: ZeroShotTask, row: unknown) => {
  const [document] = read(task, row);
  return {
    gold: document?.gold,
    contexts: [...new Set(document?.options.map(({ context }) => context))],
    continuations: document?.options.map(({ continuation }) => continuation),
    characters: document?.options.map(({ characters }) => characters),
  };
};
const failure = (work: () => unknown): LabError => {
  try {
    work();
  } catch (error) {
    return LabError.from(error);
  }
  throw new Error('nothing was refused');
};

describe('prompts', () => {
  test('BoolQ, in the fields of either publication', () => {
    const row = { passage: 'P.', question: 'is it' };
    const expected = {
      gold: 1,
      contexts: ['P.\nQuestion: is it?\nAnswer:'],
      continuations: [' no', ' yes'],
      characters: [2, 3],
    };
    expect(one('boolq', { ...row, label: 1 })).toEqual(expected);
    expect(one('boolq', { ...row, answer: true })).toEqual(expected);
    expect(one('boolq', { ...row, label: 0 }).gold).toBe(0);
  });

  test('RTE', () => {
    const expected = {
      gold: 1,
      contexts: ['A.\nQuestion: B. True or False?\nAnswer:'],
      continuations: [' True', ' False'],
      characters: [4, 5],
    };
    expect(one('rte', { sentence1: 'A.', sentence2: 'B.', label: 1 })).toEqual(expected);
    expect(one('rte', { premise: 'A.', hypothesis: 'B.', label: 'not_entailment' })).toEqual(expected);
  });

  test('HellaSwag is cleaned, its second part capitalised', () => {
    const row = {
      activity_label: 'Baking',
      ctx_a: '[header] How to bake [title] Take  flour.',
      ctx_b: 'the BAKER',
      endings: [' kneads [step] it', 'b', 'c', 'ünï'],
      label: '3',
    };
    expect(one('hellaswag', row)).toEqual({
      gold: 3,
      contexts: ['Baking: How to bake. Take flour. The baker'],
      continuations: [' kneads it', ' b', ' c', ' ünï'],
      characters: [9, 1, 1, 3],
    });
  });

  test.each(fixture.clean)('%j is cleaned as the harness does', (raw, expected) => {
    expect(cleanHellaSwag(raw ?? '')).toBe(expected);
  });

  test('WinoGrande scores what follows the option', () => {
    const row = {
      sentence: 'Ann met Bea because _ was  late. ',
      option1: 'Ann',
      option2: 'Bea',
      answer: '2',
    };
    expect(one('winogrande', row)).toEqual({
      gold: 1,
      contexts: ['Ann met Bea because Ann', 'Ann met Bea because Bea'],
      continuations: [' was  late.', ' was  late.'],
      characters: [10, 10],
    });
  });

  test('ARC and OpenBookQA, in the fields of either publication; labels 1 to 5 are A to E', () => {
    const expected = {
      gold: 1,
      contexts: ['Question: Why?\nAnswer:'],
      continuations: [' x', ' y', ' z'],
      characters: [1, 1, 1],
    };
    const list = ['x', 'y', 'z'].map((text, i) => ({ text, label: 'ABC'.charAt(i) }));
    const hub = { text: ['x', 'y', 'z'], label: ['A', 'B', 'C'] };
    expect(one('arc_easy', { question: 'Why?', choices: hub, answerKey: 'B' })).toEqual(expected);
    expect(one('arc_challenge', { question: 'Why?', choices: { ...hub, label: ['1', '2', '3'] }, answerKey: 'B' })).toEqual(expected); // prettier-ignore
    expect(one('arc_easy', { question: { stem: 'Why?', choices: list }, answerKey: '2' })).toEqual(expected);
    expect(one('openbookqa', { question_stem: 'Sky', choices: hub, answerKey: ' C' })).toMatchObject({ contexts: ['Sky'], gold: 2 }); // prettier-ignore
  });

  test('PIQA, and whole numbers of a parquet file', () => {
    expect(one('piqa', { goal: 'Go', sol1: 'a', sol2: 'b', label: 1 })).toEqual({
      gold: 1,
      contexts: ['Question: Go\nAnswer:'],
      continuations: [' a', ' b'],
      characters: [1, 1],
    });
    expect(
      readRows(definitionOf('piqa'), 'f', [{ goal: 'Go', sol1: 'a', sol2: 'b', label: 0n }])[0]?.gold,
    ).toBe(0);
  });
});

describe('files that are wrong', () => {
  const row = { goal: 'Go', sol1: 'a', sol2: 'b', label: 1 };
  test.each([
    ['[1]', /f: line 2: it is no JSON object\./],
    ['{"goal"', /f: line 2: it is not valid JSON\./],
    [JSON.stringify({ ...row, sol2: 3 }), /f: line 2: "sol2" is no text\./],
    [JSON.stringify({ ...row, label: 2 }), /f: line 2: "label" is not 0 to 1\./],
    [JSON.stringify({ ...row, label: -1 }), /f: line 2: "label" is -1: it has no published answer\./],
    [JSON.stringify({ ...row, goal: 'x'.repeat(100_001) }), /f: line 2: "goal" has more than 100000/],
    ['['.repeat(100_000), /f: line 2: it is not valid JSON\./],
    ['{"__proto__": {"goal": "x"}, "sol1": "a", "sol2": "b", "label": 1}', /f: line 2: "goal" is no text/],
  ])('%.40s', (line, message) => {
    const error = failure(() =>
      parseJsonLines(definitionOf('piqa'), 'f', bytes(`${JSON.stringify(row)}\n${line}\n`)),
    );
    expect(error.message).toMatch(message);
    expect([error.kind, error.exitCode]).toEqual(['TextError', 2]);
    expect(error.remedy).toBe('PIQA needs goal, sol1, sol2, label 0 or 1.');
  });

  test('nothing in it, no UTF-8; empty lines and a byte order mark are passed over', () => {
    const piqa = definitionOf('piqa');
    expect(failure(() => parseJsonLines(piqa, 'f', bytes('\n \r\n'))).message).toMatch(/no document/);
    expect(failure(() => parseJsonLines(piqa, 'f', Uint8Array.of(0xff))).message).toMatch(/UTF-8/);
    const found = parseJsonLines(
      piqa,
      'f',
      bytes(`\ufeff\n${JSON.stringify(row)}\r\n\n${JSON.stringify(row)}`),
    );
    expect(found.map(({ line }) => line)).toEqual([2, 4]);
  });

  test('other mistakes are named', () => {
    const arc = { question: 'Why?', choices: { text: ['x', 'y'], label: ['A', 'B'] }, answerKey: 'E' };
    expect(failure(() => read('arc_easy', arc)).message).toMatch(/"answerKey" is none of the labels A, B/);
    expect(failure(() => read('arc_easy', { ...arc, choices: { text: ['x', 'y', 'z'], label: ['A', 'E'] } })).message).toMatch(/not as many labels/); // prettier-ignore
    expect(failure(() => read('winogrande', { sentence: 'none', option1: 'a', option2: 'b', answer: '1' })).message).toMatch(/has no _/); // prettier-ignore
    expect(failure(() => read('cloze', { context: 'c', options: ['a'], gold: 0 })).message).toMatch(
      /1 entries/,
    );
  });

  test('whatever is in a row, it is read or refused with the line', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZERO_SHOT_TASKS), fc.jsonValue(), (task, value) => {
        const error = failure(() => {
          read(task, value);
          throw new LabError('TextError', 'f.jsonl: line 1: was read');
        });
        expect(error.message).toMatch(/^f\.jsonl: line 1: /);
        expect(error.kind).toBe('TextError');
      }),
      { numRuns: 300 },
    );
  });
});

describe('the bundled cloze set', () => {
  const novel = readFileSync(new URL(`../../../public/${BUNDLED_TEXT.path}`, import.meta.url));
  const items = clozeItems(novel.subarray(...BUNDLED_TEXT.cloze).toString('utf8'));

  test('is the same on every machine', async () => {
    expect(items).toHaveLength(140);
    expect(await sha256Hex(bytes(clozeLines(items)))).toBe(
      '3ce8948505998e13386916d2d4300936feac56c37f0048f90ea4b802b294dfd9',
    );
  });

  test('has four different options, the right one anywhere, none of it outside its slice', () => {
    const outside = novel.subarray(0, BUNDLED_TEXT.cloze[0]).toString('utf8').replace(/\s+/g, ' ');
    for (const { context, options, gold } of items) {
      expect(new Set(options).size).toBe(4);
      expect(context).not.toContain(options[gold]);
      expect(outside).not.toContain(context);
    }
    const counts = [0, 1, 2, 3].map((position) => items.filter(({ gold }) => gold === position).length);
    expect(Math.min(...counts)).toBeGreaterThan(20);
  });

  test('no sentence is the answer of two items', () => {
    expect(new Set(items.map(({ options, gold }) => options[gold])).size).toBe(items.length);
  });
});
