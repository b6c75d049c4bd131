import { expect, test } from 'vitest';
import { defaultSpec } from '../../core/spec';
import { betaMax } from '../../pruning/allocations';
import { createFakeLab } from '../../testing/fakeLab';
import { entryName, entryText, inOrder, LISTED, ownMethods, type OwnMethod } from './methodEntries';

const boot = await createFakeLab().boot({ userAgent: '', skipSelfTest: true });
const methods = (sparsities = [0.5, 0.7], layers: number | null = 16): OwnMethod[] =>
  ownMethods(boot, defaultSpec(), sparsities, layers);
const find = (id: string, list = methods()): OwnMethod => {
  const found = list.find((method) => method.id === id);
  if (!found) throw new Error(id);
  return found;
};

test('every listed allocation can be given parameters, beta where it decides', () => {
  const ids = methods().flatMap(({ kind, id }) => (kind === 'allocations' ? id : []));
  expect(ids).toEqual(LISTED.map(({ id }) => id));
  const beta = find('atp').params.find(({ name }) => name === 'beta');
  expect(beta?.max).toBeCloseTo(betaMax(0.5, 16) ?? NaN, 9);
  expect(beta?.min).toBe(-(beta?.max ?? NaN));
  for (const list of [methods([0.5], null), methods([0.5], 1)])
    expect(find('atp', list).params.map(({ name }) => name)).not.toContain('beta');
});

test('the count of zeros is kept unless an entry says otherwise', () => {
  expect(find('owl').params.find(({ name }) => name === 'exactMean')?.init).toBe(true);
});

test('an entry is written in the order of its method, without spaces', () => {
  const owl = find('owl');
  const [m, lambda] = owl.params.map(({ name }) => name);
  if (!m || !lambda) throw new Error('no parameters');
  expect(entryText(owl, { [lambda]: 0.05, [m]: 7 })).toBe(`owl:${m}=7:${lambda}=0.05`);
  expect(entryText(owl, {})).toBe('owl');
  const metric: OwnMethod = {
    kind: 'pruners',
    id: 'pruner-zero',
    label: 'Pruner-Zero',
    params: [{ name: 'expression', label: 'Metric', help: '', type: 'text', init: '' }],
  };
  expect(entryText(metric, { expression: 'mul( W, G )' })).toBe('pruner-zero:expression=mul(W,G)');
  expect(() => entryText(metric, { expression: 'a:b' })).toThrow('is not an id');
});

test('an entry is called by the words of its controls', () => {
  expect(entryName('atp:beta=-0.01:exactMean=false', find('atp'))).toMatch(
    /^ATP.*: Beta -0.01, Exact mean off$/,
  );
  expect(entryName('gone:x=1', undefined)).toBe('gone: x 1');
});

test('entries stand in the order of the menu, the defaults first', () => {
  const menu = [{ id: 'uniform' }, { id: 'atp' }];
  expect(inOrder(['atp:beta=0', 'custom', 'atp', 'uniform', 'atp:beta=1'], menu)).toEqual([
    'custom',
    'uniform',
    'atp',
    'atp:beta=0',
    'atp:beta=1',
  ]);
});
