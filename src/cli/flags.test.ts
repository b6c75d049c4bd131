import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { DEFAULT_SPEC } from '../core/spec';
import { allocations } from '../pruning/allocations';
import { PRUNERS } from '../pruning/pruners';
import { allowOnly, EXPERIMENT_FLAGS, helpFor, oneModel, parseArguments, specFromFlags } from './flags';
import { parseStoredSpec } from '../core/storedSpec';

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const e = LabError.from(error);
    return `${e.exitCode} ${e.kind}: ${e.message}`;
  }
  return 'no error';
}

const specOf = (line: string, defaultBeta: number | 'auto' = 'auto') =>
  specFromFlags(parseArguments(line.split(' ').filter(Boolean)), 'demo', defaultBeta).spec;

describe('parseArguments', () => {
  test('values, switches, lists and negative numbers', () => {
    const parsed = parseArguments([
      'prune',
      'demo',
      '--beta',
      '-0.01',
      '--sparsity=0.5',
      '--set',
      'a=1',
      '--set',
      'b=x',
      '--quiet',
    ]);
    expect([parsed.command, parsed.positional]).toEqual(['prune', ['demo']]);
    expect([...parsed.values]).toEqual([
      ['beta', '-0.01'],
      ['sparsity', '0.5'],
    ]);
    expect(parsed.lists.get('set')).toEqual(['a=1', 'b=x']);
    expect(parsed.switches.has('quiet')).toBe(true);
  });

  test.each([
    [['prune', '--nope'], /--nope/],
    [['prune', '--beta'], /--beta needs a value/],
    [['prune', '--quiet=1'], /takes no value/],
    [['prune', '--beta', '1', '--beta', '2'], /twice/],
    [['prune', '-x'], /-x/],
    [['prune', '--__proto__', '1'], /__proto__/],
  ])('%j is refused', (argv, message) => {
    expect(failure(() => parseArguments(argv))).toMatch(message);
  });

  test('a flag of another command is refused', () => {
    expect(failure(() => allowOnly(parseArguments(['info', 'demo', '--betas', '0']), []))).toMatch(
      /^2 SpecError: "info" does not take --betas/,
    );
  });

  test('one model, not none and not two', () => {
    expect(failure(() => oneModel(parseArguments(['eval'])))).toMatch(/^2 /);
    expect(failure(() => oneModel(parseArguments(['eval', 'a', 'b'])))).toMatch(/"b"/);
    expect(oneModel(parseArguments(['eval', 'a']))).toBe('a');
  });
});

describe('specFromFlags', () => {
  test('defaults', () => {
    expect(specOf('prune demo', 0)).toEqual(DEFAULT_SPEC);
    expect(specOf('prune demo').beta).toBe('auto');
  });

  test('a sparsity stays as it was given, and K:M sets it where it was not', () => {
    expect(specOf('prune --sparsity 0.7').sparsity).toBe(0.7);
    expect(specOf('prune --pattern 2:4')).toMatchObject({ sparsity: 0.5, beta: 0 });
    expect(specOf('prune --pattern 2:4 --sparsity 0.6').sparsity).toBe(0.6);
  });

  test('beta belongs to ATP and the free pattern', () => {
    expect(specOf('prune --allocation uniform').beta).toBe(0);
    for (const line of ['--allocation uniform', '--pattern 2:4', '--layer-sparsity f.json']) {
      expect(failure(() => specOf(`prune ${line} --beta 0.01`))).toMatch(/^2 SpecError: --beta/);
    }
  });

  test.each([
    '--sparsity 1.5',
    '--sparsity abc',
    '--sparsity NaN',
    '--samples 0',
    '--samples 1.5',
    '--window 1',
    '--windows -1',
    '--seed -1',
    '--errors-on nothing',
    '--stats maybe',
    '--pattern 4:2',
    '--pattern 2:4:8',
    '--set x',
    '--calibration text.pdf',
    '--beta 1e999',
  ])('%s exits 2', (line) => {
    expect(failure(() => specOf(`prune ${line}`))).toMatch(/^2 SpecError/);
  });

  test('texts are known by their base name', () => {
    const { spec, textFiles } = specFromFlags(parseArguments(['eval', '--report', '/a/b/c.txt']), 'demo', 0);
    expect(spec.texts.report).toBe('c.txt');
    expect(textFiles.get('report')).toBe('/a/b/c.txt');
  });
});

describe('parseStoredSpec', () => {
  test('a report and a spec give the same', () => {
    const spec = structuredClone(DEFAULT_SPEC);
    expect(parseStoredSpec('f', spec)).toEqual(spec);
    expect(parseStoredSpec('f', { schema: 'prunelab.run/1', spec })).toEqual(spec);
  });

  test('unknown keys and wrong values are named', () => {
    expect(failure(() => parseStoredSpec('f', { ...DEFAULT_SPEC, extra: 1 }))).toMatch(
      /^2 SpecError: f: .*extra/,
    );
    expect(failure(() => parseStoredSpec('f', { ...DEFAULT_SPEC, sparsity: 2 }))).toMatch(/sparsity/);
    expect(failure(() => parseStoredSpec('f', { schema: 'other/1', spec: DEFAULT_SPEC }))).toMatch(
      /other\/1/,
    );
    expect(failure(() => parseStoredSpec('f', 5))).toMatch(/^2 /);
  });
});

test('the help names every pruner, allocation and parameter', () => {
  const help = helpFor('prune', '', EXPERIMENT_FLAGS);
  const [, pruners = ''] = /--pruner .*?which weights go: (.*)/.exec(help) ?? [];
  const [, rates = ''] = /--allocation .*?how many in each layer: (.*)/.exec(help) ?? [];
  for (const { id, params } of PRUNERS) {
    expect(pruners).toContain(id);
    for (const { name } of params)
      expect(help.split('\n')).toContainEqual(
        expect.stringMatching(new RegExp(`${name}=.*Default .*${id}\\.$`)),
      );
    expect(params.every(({ init }) => help.includes(`Default ${String(init)};`))).toBe(true);
  }
  for (const { id, params } of allocations) {
    expect(rates).toContain(id);
    for (const { name } of params) expect(help).toContain(`  ${name}=`);
  }
});
