/** `theory`, `zeroshot`, `speed` and archives from outside: what they record, and what they refuse. */
import { expect, test } from '@playwright/test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prunelab, type Outcome } from './fixtures/commandLine';

const MODEL = 'src/testing/fixtures/two-block';

let folder = '';
let texts: string[] = [];
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunelab-trials-'));
  const window = (seed: number): number[] => Array.from({ length: 48 }, (_, t) => (t * t * 31 + t * seed) % 256);
  for (const [name, seed] of [['calibration', 7], ['select', 11], ['report', 13]] as const)
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ windows: [window(seed), window(seed + 1)] }));
  texts = ['calibration', 'select', 'report'].flatMap((name) => [`--${name}`, join(folder, `${name}.json`)]);
}); // prettier-ignore
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));
test.describe.configure({ timeout: 300_000 });

const run = (...args: string[]): Promise<Outcome> => prunelab(args, { cache: join(folder, 'cache') });
const path = (name: string): string => join(folder, name);
const read = <T>(name: string): T => JSON.parse(readFileSync(path(name), 'utf8')) as T;

test('theory: a claim that nobody made exits 2; a trial has its figures and verdict, twice the same bytes', async () => {
  const unknown = await run('theory', MODEL, '--theorem', '9.9', ...texts);
  expect(unknown.code).toBe(2);
  expect(unknown.last).toMatch(/^prunelab: SpecError: .*9\.9.*3\.1, 3\.2, 3\.4, 3\.5/);

  const trial = ['theory', MODEL, '--theorem', '3.1,3.4', '--rates', '0.3,0.6', '--seeds', '0', ...texts];
  for (const name of ['a.json', 'b.json']) expect((await run(...trial, '--json', path(name))).code).toBe(0);
  interface Record {
    schema: string;
    experiments: { theorem: string; verdict: { words: string } }[];
  }
  const record = read<Record>('a.json');
  expect(record.schema).toBe('prunelab.theory/1');
  expect(record.experiments.map(({ theorem }) => theorem)).toEqual(['3.1', '3.4']);
  expect(readFileSync(path('b.json'))).toEqual(readFileSync(path('a.json')));
});

test('zeroshot: a broken line is named; scores of the dense and the pruned model stand side by side', async () => {
  const question = (n: number): string =>
    JSON.stringify({ goal: `Sail ${n} leagues`, sol1: 'by wind and tide', sol2: 'by hook', label: n % 2 });
  writeFileSync(path('piqa.jsonl'), `${question(1)}\n${question(2)}\n${question(3)}\n`);
  writeFileSync(path('broken.jsonl'), `${question(1)}\n{"goal": 3}\n`);
  const refused = await run('zeroshot', 'demo', '--tasks', `piqa=${path('broken.jsonl')}`);
  expect(refused.code).toBe(2);
  expect(refused.last).toMatch(/^prunelab: \w+Error: .*broken\.jsonl.*line 2/);

  const asked = ['zeroshot', 'demo', '--tasks', `piqa=${path('piqa.jsonl')}`, '--items', '--sparsity', '0.7'];
  const small = ['--samples', '1', '--window', '32', '--windows', '1', '--allocation', 'uniform'];
  expect((await run(...asked, ...small, '--json', path('zero.json'))).code).toBe(0);
  interface Record {
    schema: string;
    tasks: { scored: number; items: { gold: number; dense: number[]; pruned: number[] }[]; dense: { acc: { mean: number } } }[];
  } // prettier-ignore
  const { schema, tasks } = read<Record>('zero.json');
  expect(schema).toBe('prunelab.zeroshot/1');
  const [task] = tasks;
  expect(task?.scored).toBe(3);
  // The accuracy is that of the items beside it.
  const right = task?.items.filter(({ gold, dense: [a = NaN, b = NaN] }) => (b > a ? 1 : 0) === gold).length;
  expect(task?.dense.acc.mean).toBeCloseTo((right ?? NaN) / 3, 12);
  for (const { dense, pruned } of task?.items ?? []) expect(pruned).not.toEqual(dense);
});

test('speed: every format decodes the same tokens; an unknown format exits 2', async () => {
  const small = ['--tokens', '4', '--prompt-tokens', '4', '--reps', '1', '--warmup', '0'];
  const unknown = await run('speed', MODEL, '--formats', 'nosuch', ...texts);
  expect(unknown.code).toBe(2);
  expect(unknown.last).toMatch(/^prunelab: SpecError: .*nosuch.*dense.*bitmask/);

  const pruning = ['--sparsity', '0.6', '--beta', '0.1', ...texts];
  const asked = ['--formats', 'dense,zeros,bitmask,csr', ...small];
  expect((await run('speed', MODEL, ...pruning, ...asked, '--json', path('speed.json'))).code).toBe(0);
  interface Row {
    format: string;
    memoryBytes: number;
    decode: { median: number };
    sameTokens?: { same: number; of: number };
  }
  const { schema, variants } = read<{ schema: string; variants: { rows: Row[] }[] }>('speed.json');
  expect(schema).toBe('prunelab.speed/1');
  // Its own rates, and uniform ones at the same sparsity.
  expect(variants).toHaveLength(2);
  for (const { rows } of variants) {
    expect(rows.map(({ format }) => format)).toEqual(['zeros', 'bitmask', 'csr']);
    const [zeros, bitmask] = rows;
    expect(bitmask?.memoryBytes).toBeLessThan(zeros?.memoryBytes ?? 0);
    for (const { decode, sameTokens } of rows) {
      expect(decode.median).toBeGreaterThan(0);
      if (sameTokens) expect(sameTokens.same).toBe(sameTokens.of);
    }
  }
});

test('an archive is verified, a changed byte of it is found, and a dense export is measured as it is', async () => {
  const pruning = ['--sparsity', '0.5', '--beta', '0', ...texts];
  const archive = ['--archive', 'sparse-bitmask', '--out', path('archive')];
  expect((await run('prune', MODEL, ...pruning, ...archive)).code).toBe(0);
  expect((await run('verify', path('archive'))).code).toBe(0);
  const file = path('archive/model.safetensors');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(file, bytes);
  expect((await run('verify', path('archive'))).code).toBe(1);

  expect((await run('prune', MODEL, ...pruning, '--out', path('dense'))).code).toBe(0);
  const small = ['--tokens', '4', '--prompt-tokens', '4', '--reps', '1', '--warmup', '0'];
  const asked = ['--pruned', path('dense'), '--formats', 'dense,bitmask', ...small];
  expect((await run('speed', MODEL, ...asked, '--json', path('own.json'))).code).toBe(0);
  const { variants } = read<{ variants: { sparsity: number }[] }>('own.json');
  expect(variants.map(({ sparsity }) => sparsity)).toEqual([expect.closeTo(0.5, 2)]);
});
