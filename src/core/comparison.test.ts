import { describe, expect, test } from 'vitest';
import { withPairs } from '../eval/comparePairs';
import { compareHtml } from '../formats/compareHtml';
import { compareCsv, compareTable } from '../formats/compareTable';
import { createFakeLab } from '../testing/fakeLab';
import {
  compareEntries,
  isDone,
  methodText,
  listItems,
  parseMethod,
  unequalZeros,
  type CompareSpec,
} from './comparison';
import { LabError } from './errors';
import { defaultSpec } from './spec';
import { parseStoredComparison } from './storedComparison';

const { pruner: _p, allocation: _a, sparsity: _s, beta: _b, ...base } = defaultSpec();
const spec = (change: Partial<CompareSpec> = {}): CompareSpec => ({
  base,
  pruners: ['wanda', 'magnitude'],
  allocations: ['uniform', 'atp'],
  sparsities: [0.5, 0.7],
  axes: false,
  ...change,
});
const measured = () => createFakeLab({ layerMs: 0, layers: 3 }).compare(1, spec(), null);

describe('the queue', () => {
  test('is the product, or one axis each', () => {
    expect(compareEntries(spec()).map(({ key }) => key)).toEqual(
      ['0.5', '0.7'].flatMap((s) =>
        ['wanda uniform', 'wanda atp', 'magnitude uniform', 'magnitude atp'].map((pair) => `${pair} ${s}`),
      ),
    );
    const axes = compareEntries(spec({ axes: true, sparsities: [0.5] })).map(({ key }) => key);
    expect(axes).toEqual(['wanda uniform 0.5', 'wanda atp 0.5', 'magnitude uniform 0.5']);
  });

  test('refuses what is empty, twice there or out of range', () => {
    for (const change of [
      { pruners: [] },
      { allocations: ['atp', 'atp'] },
      { sparsities: [1.2] },
      { pruners: ['a b'] },
    ])
      expect(() => compareEntries(spec(change))).toThrow(LabError);
  });

  test('a method may carry parameters', () => {
    expect(parseMethod('owl:owlLambda=0.08:flag=true:mode=x')).toEqual({
      text: 'owl:owlLambda=0.08:flag=true:mode=x',
      id: 'owl',
      set: { owlLambda: 0.08, flag: true, mode: 'x' },
    });
    for (const text of ['', 'Owl', 'owl:', 'owl:x', 'owl:=3', 'owl:mode=a b'])
      expect(() => parseMethod(text)).toThrow(LabError);
  });

  test('its text is read as it was written', () => {
    const set = { beta: -0.008, tiny: 1e-12, flag: false, expression: 'mul(abs(W),G)' };
    const text = methodText('pruner-zero', set);
    expect(text).toBe('pruner-zero:beta=-0.008:tiny=1e-12:flag=false:expression=mul(abs(W),G)');
    expect(parseMethod(text)).toEqual({ text, id: 'pruner-zero', set });
    expect(methodText('owl', {})).toBe('owl');
    for (const value of ['a:b', 'a b']) expect(() => methodText('owl', { value })).toThrow(LabError);
  });
});

describe('a record', () => {
  test('comes back from JSON as it was; a damaged one is refused by name', async () => {
    const comparison = await measured();
    const stored = JSON.parse(JSON.stringify(comparison)) as unknown;
    expect(parseStoredComparison('F', stored)).toEqual(comparison);
    for (const damaged of [null, {}, { ...comparison, rows: [{ ...comparison.rows[0], zeros: -1 }] }])
      expect(() => parseStoredComparison('F', damaged)).toThrow(/^F: /);
  });

  test('pairs every row with the first pruner under uniform, at the same sparsity', async () => {
    const comparison = await measured();
    const rows = withPairs(comparison.spec, comparison.rows).filter(isDone);
    for (const row of rows) {
      if (row.key === `wanda uniform ${row.sparsity}`) expect(row.paired).toBeUndefined();
      else expect(row.paired?.against).toBe(`wanda uniform ${row.sparsity}`);
    }
    expect(rows.find((row) => row.key === 'wanda atp 0.7')?.paired?.report?.ratio).toBeLessThan(1);
    // Without its base no row has an interval.
    const [, ...others] = comparison.rows;
    expect(withPairs(comparison.spec, others).filter(isDone)[0]?.paired).toBeUndefined();
  });

  test('says where the counts of zeros differ', async () => {
    const { rows } = await measured();
    const even = rows.filter(isDone).map((row) => ({ ...row, zeros: 1000 }));
    expect(unequalZeros(even)).toEqual([]);
    const [first, ...rest] = even;
    if (!first) throw new Error('no row');
    expect(unequalZeros([{ ...first, zeros: 999 }, ...rest])).toEqual([
      expect.stringContaining('from 999 to 1000'),
    ]);
  });

  test('is one table in every form, with nothing in it that a page or a spreadsheet would run', async () => {
    const comparison = await measured();
    const head = { key: '=1+1 <b> 0.5', pruner: '=1+1', allocation: '<b>', params: {}, sparsity: 0.5 };
    const failed = { ...comparison, rows: [...comparison.rows, { ...head, status: 'failed' as const, error: { kind: 'OutOfMemoryError' as const, message: 'too <large>, "here"' } }] }; // prettier-ignore
    const { columns, rows } = compareTable(failed);
    expect(rows.every((row) => row.length === columns.length)).toBe(true);
    expect(compareCsv(failed)).toContain(`\r\n'=1+1,<b>,0.5,failed,`);
    expect(compareCsv(failed)).toContain('"too <large>, ""here"""');
    const html = compareHtml(failed);
    expect(html).not.toContain('<b>');
    expect(html).not.toContain('<large>');
    expect(html).not.toMatch(/<script|https?:/);
    expect(html.match(/<tr/g)).toHaveLength(1 + failed.rows.length);
  });
});

test('commas inside parentheses belong to an item', () => {
  expect(listItems('wanda, pruner-zero:metric=mul(abs(mul(W,W)),minmax(G)) ,,dsnot')).toEqual([
    'wanda',
    'pruner-zero:metric=mul(abs(mul(W,W)),minmax(G))',
    'dsnot',
  ]);
  expect(listItems('')).toEqual([]);
  // What is never closed or never opened takes nothing else with it.
  expect(listItems('a),b')).toEqual(['a)', 'b']);
});
