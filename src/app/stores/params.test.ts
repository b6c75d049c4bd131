import { expect, test } from 'vitest';
import type { ParamDescription } from '../../session/protocol';
import { allocationParams, fitParams, paramProblem, withParam } from './params';

const KNOWN: ParamDescription[] = [
  { name: 'damping', label: 'Damping', help: '', type: 'number', min: 0, max: 1, init: 0.01 },
  { name: 'rounds', label: 'Rounds', help: '', type: 'number', integer: true, min: 1, init: 4 },
  { name: 'exactBudget', label: 'Exact budget', help: '', type: 'boolean', init: false },
  { name: 'select', label: 'Select on', help: '', type: 'choice', choices: ['auto', 'gpu'], init: 'auto' },
];

test('what is not known or not legal goes, and is said', () => {
  const { set, problems } = fitParams({ damping: 3, exactBudget: true, select: 'tpu', other: 1 }, KNOWN);
  expect(set).toEqual({ exactBudget: true });
  expect(problems.map(({ message }) => message)).toEqual([
    'damping is a number from 0 to 1, not 3.',
    'select is auto or gpu, not "tpu".',
    'There is no parameter "other" here.',
  ]);
  expect(paramProblem('damping', 'much', KNOWN)?.message).toContain('"much"');
  expect(paramProblem('exactBudget', 1, KNOWN)?.message).toBe('exactBudget is true or false, not 1.');
  expect(paramProblem('damping', 0.5, KNOWN)).toBeNull();
  expect(paramProblem('rounds', 2.5, KNOWN)?.message).toBe('rounds is a whole number from 1 up, not 2.5.');
  expect(paramProblem('rounds', 2, KNOWN)).toBeNull();
});

test('only what differs from the default is written', () => {
  const [damping] = KNOWN;
  if (!damping) throw new Error('no parameter');
  expect(withParam({ exactBudget: true }, damping, 0.1)).toEqual({ exactBudget: true, damping: 0.1 });
  expect(withParam({ exactBudget: true, damping: 0.1 }, damping, 0.01)).toEqual({ exactBudget: true });
});

test('beta is no parameter of the allocation here: it has a slider', () => {
  const names = allocationParams('atp').map(({ name }) => name);
  expect(names).not.toContain('beta');
  expect(names).toContain('exactMean');
});
