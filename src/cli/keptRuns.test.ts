import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import { defaultSpec } from '../core/spec';
import { createFakeLab } from '../testing/fakeLab';
import { parseArguments } from './flags';
import { Console } from './io';
import { deleteAllRuns, deleteRun, findRun, keepRun, listRuns, runsFolder } from './keptRuns';
import { differences, storedRun } from './stored';

const template = await createFakeLab({ layers: 2, layerMs: 0 }).run(1, { ...defaultSpec(), beta: 0.1 });
const reportOf = (id: string): RunReport => ({ ...structuredClone(template), id });
const parsed = (line: string) => parseArguments(line.split(' '));

let cache = '';
const warnings: string[] = [];
class Listening extends Console {
  override warn(text: string): void {
    warnings.push(text);
  }
}
const io = new Listening(true);

beforeEach(async () => {
  if (cache) await rm(cache, { recursive: true, force: true });
  cache = await mkdtemp(join(tmpdir(), 'prunelab-runs-'));
  vi.stubEnv('PRUNELAB_CACHE', cache);
  warnings.length = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

const failure = (promise: Promise<unknown>): Promise<LabError | null> =>
  promise.then(
    () => null,
    (error: unknown) => LabError.from(error),
  );

describe('kept runs', () => {
  test('are listed, found by the beginning of their id, and deleted', async () => {
    await keepRun(parsed('prune demo'), io, reportOf('abc1'));
    await keepRun(parsed('eval demo'), io, reportOf('abd2'));
    expect((await listRuns()).map(({ report, command }) => [report.id, command])).toHaveLength(2);
    expect((await findRun('abd')).report).toEqual(JSON.parse(JSON.stringify(reportOf('abd2'))));
    expect(await failure(findRun('ab'))).toMatchObject({ kind: 'SpecError' });
    expect(await failure(findRun('zz'))).toMatchObject({ kind: 'SpecError' });
    expect(await failure(findRun('../abc1'))).toMatchObject({ kind: 'SpecError' });
    expect(await deleteRun('abc1')).toBe(1);
    expect((await listRuns()).map(({ report }) => report.id)).toEqual(['abd2']);
    expect(await deleteAllRuns()).toBe(1);
    expect(await listRuns()).toEqual([]);
  });

  test('of one id: the fuller report is meant', async () => {
    const { errors: _, ...bare } = reportOf('same');
    await keepRun(parsed('prune demo'), io, reportOf('same'));
    await keepRun(parsed('eval demo'), io, bare);
    expect((await findRun('same')).command).toBe('prune');
  });

  test('--no-history keeps nothing', async () => {
    await keepRun(parsed('prune demo --no-history'), io, reportOf('abc1'));
    expect(await listRuns()).toEqual([]);
  });

  test('twenty writers at once leave whole files', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => keepRun(parsed('prune demo'), io, reportOf(`id${i % 4}`))),
    );
    expect((await listRuns((text) => warnings.push(text))).map(({ report }) => report.id).sort()).toEqual(['id0', 'id1', 'id2', 'id3']); // prettier-ignore
    expect(warnings).toEqual([]);
    expect((await readdir(runsFolder())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('broken files are left out with a warning', async () => {
    await keepRun(parsed('prune demo'), io, reportOf('good'));
    await writeFile(join(runsFolder(), 'a.json'), '{"half');
    await writeFile(join(runsFolder(), 'b.json'), '['.repeat(100_000));
    await writeFile(
      join(runsFolder(), 'c.json'),
      '{"savedAt":"2026-01-01","command":"prune","report":{"schema":1}}',
    );
    expect((await listRuns((text) => warnings.push(text))).map(({ report }) => report.id)).toEqual(['good']);
    expect(warnings).toHaveLength(3);
  });

  test('a place that cannot be written is a warning', async () => {
    await writeFile(join(cache, 'runs'), 'a file where the folder should be');
    await keepRun(parsed('prune demo'), io, reportOf('abc1'));
    expect(warnings.join()).toMatch(/not kept/);
  });

  test('the oldest go beyond 500', async () => {
    await keepRun(parsed('prune demo'), io, reportOf('newest'));
    const old = new Date(Date.now() - 86_400_000);
    for (let i = 0; i < 500; i++) {
      const path = join(runsFolder(), `old${i}.prune.json`);
      await writeFile(path, '{}');
      await utimes(path, old, old);
    }
    await keepRun(parsed('prune demo'), io, reportOf('last'));
    const names = await readdir(runsFolder());
    expect(names).toHaveLength(500);
    expect(names).toContain('newest.prune.json');
    expect((await stat(join(runsFolder(), 'last.prune.json'))).isFile()).toBe(true);
  });
});

describe('--spec', () => {
  test('takes a report, an exported folder, a kept run', async () => {
    const record = { ...reportOf('abc1'), files: { 'model.safetensors': 'ff' } };
    const path = join(cache, 'pruning.json');
    await writeFile(path, JSON.stringify(record));
    await keepRun(parsed('prune demo'), io, reportOf('abc1'));
    for (const given of [path, cache, 'run:abc']) {
      const stored = await storedRun(parsed(`prune --spec ${given}`));
      expect(stored?.spec).toEqual(template.spec);
      expect(stored?.origin).toMatchObject({ version: '0.0.0', model: 'demo' });
    }
    expect(await failure(storedRun(parsed(`prune --spec ${tmpdir()}`)))).toMatchObject({
      kind: 'FetchError',
    });
    await writeFile(path, '['.repeat(200_000));
    expect(await failure(storedRun(parsed(`prune --spec ${cache}`)))).toMatchObject({ kind: 'SpecError' });
  });

  test('says what differs from where it was made', () => {
    const origin = { source: 'r.json', version: '0.0.0', model: 'demo', sha256: 'aa' };
    const found = differences({ origin }, 'bb');
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/weights differ.*r\.json/);
    expect(found[1]).toMatch(/0\.0\.0/);
    expect(differences({ origin: null }, 'bb')).toEqual([]);
  });
});
