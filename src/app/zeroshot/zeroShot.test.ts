import { expect, test } from 'vitest';
import { requestsOf, taskOfName, zeroShotStore } from './zeroShot';

test.each([
  ['boolq.jsonl', 'boolq'],
  ['ARC-Easy-Test.jsonl', 'arc_easy'],
  ['ARC-Challenge-Test.jsonl', 'arc_challenge'],
  ['hellaswag_val.jsonl', 'hellaswag'],
  ['my own.jsonl', 'cloze'],
])('%s is read as %s', (name, task) => expect(taskOfName(name)).toBe(task));

test('what is ticked, given and named is asked for', () => {
  const bytes = new Uint8Array();
  const file = { name: 'a.jsonl', bytes, task: 'piqa' as const };
  expect(requestsOf({ ...zeroShotStore.getState(), files: [file], hub: ['rte'] })).toEqual([
    { task: 'cloze' },
    { task: 'piqa', file: { name: 'a.jsonl', bytes } },
    { task: 'rte' },
  ]);
});
