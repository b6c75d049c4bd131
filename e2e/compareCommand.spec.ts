/** `compare` from outside: unknown methods, interrupting, going on. Runs on the two-block fixture. */
import { expect, test } from '@playwright/test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prunelab, type Options, type Outcome } from './fixtures/commandLine';

interface Record {
  rows: { key: string; status: string; cost: { ms: number }; zeros: number }[];
}

let folder = '';
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunelab-compare-'));
  const window = (seed: number): number[] => Array.from({ length: 48 }, (_, t) => (t * t * 31 + t * seed) % 256);
  for (const [name, seed] of [['calibration', 7], ['select', 11], ['report', 13]] as const)
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ windows: [window(seed), window(seed + 1)] }));
}); // prettier-ignore
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));
test.describe.configure({ timeout: 300_000 });

function compare(args: string[], after?: Options['after']): Promise<Outcome> {
  const texts = ['calibration', 'select', 'report'].flatMap((name) => [`--${name}`, join(folder, `${name}.json`)]); // prettier-ignore
  return prunelab(['compare', 'src/testing/fixtures/two-block', '--sparsities', '0.5', ...texts, ...args], {
    cache: join(folder, 'cache'),
    ...(after && { after }),
  });
}

test('an unknown method exits 2 and names the known ones', async () => {
  const pruner = await compare(['--pruners', 'wanda,nosuch']);
  expect(pruner.code).toBe(2);
  expect(pruner.last).toMatch(/^prunelab: SpecError: .*"nosuch".*wanda, magnitude, sparsegpt/);
  const allocation = await compare(['--allocations', 'nosuch']);
  expect(allocation.code).toBe(2);
  expect(allocation.last).toMatch(/^prunelab: SpecError: .*"nosuch".*atp, uniform, owl/);
});

test('interrupted, it exits 130 and keeps the finished rows; they are not run again', async () => {
  const kept = join(folder, 'kept.json');
  const read = (): Record => JSON.parse(readFileSync(kept, 'utf8')) as Record;
  const endless = ['--allocations', 'uniform,bayesian:bayesTrials=10000', '--resume', kept];
  const stopped = await compare(endless, { says: 'Entry 2 of 2', ms: 200, signal: 'SIGINT' });
  expect(stopped.code).toBe(130);
  expect(stopped.last).toMatch(/^prunelab: CancelledError: /);
  const [first, ...others] = read().rows;
  expect([first?.status, others]).toEqual(['done', []]);
  expect(readdirSync(folder).filter((name) => name.startsWith('kept'))).toEqual(['kept.json']);

  const table = join(folder, 'all.json');
  const resumed = await compare(['--allocations', 'uniform,atp:beta=0.1', '--resume', kept, '--json', table]);
  expect(resumed.code).toBe(0);
  expect(resumed.err).toContain('Entry 2 of 2');
  expect(resumed.err).not.toContain('Entry 1 of 2');
  const { rows } = JSON.parse(readFileSync(table, 'utf8')) as Record;
  expect(rows.map(({ status }) => status)).toEqual(['done', 'done']);
  // Its time too is that of the first run.
  expect(rows[0]?.cost).toEqual(first?.cost);
  expect(rows[1]?.zeros).toBe(rows[0]?.zeros);
});
