import { describe, expect, test } from 'vitest';
import { defaultSpec } from '../../core/spec';
import { createFakeLab } from '../../testing/fakeLab';
import { runKey } from '../stores/keys';
import { RunHistory } from '../history/runHistory';
import { answers, baseOf, compareAgain, experimentIn, pageSpec, storedResults } from './experiment';

const report = await createFakeLab({ layers: 2, layerMs: 0 }).run(1, { ...defaultSpec(), beta: 0.1 });
const named = (name: string, model = name) => ({ ...report, spec: { ...report.spec, model }, model: { ...report.model, name } }); // prettier-ignore
const picked = (path: string, text: string) => ({ path, file: new File([text], path) });

describe('experimentIn', () => {
  const record = JSON.stringify({ ...report, files: { 'model.safetensors': 'ab' } });

  test('finds the record of a folder, and a lone report of any name', async () => {
    const folder = [
      picked('m/config.json', '{}'),
      picked('m/pruning.json', record),
      picked('m/x/pruning.json', '{}'),
    ];
    expect(await experimentIn(folder)).toMatchObject({
      source: 'pruning.json',
      files: { 'model.safetensors': 'ab' },
    });
    expect((await experimentIn([picked('run.json', JSON.stringify(report))]))?.report).toEqual(JSON.parse(JSON.stringify(report))); // prettier-ignore
  });

  test('leaves models and texts alone, and names what is wrong with a report', async () => {
    expect(await experimentIn([picked('m/config.json', '{}'), picked('m/model.safetensors', '')])).toBe(null);
    expect(await experimentIn([picked('ids.json', '{"windows":[[1,2]]}')])).toBe(null);
    expect(await experimentIn([picked('pruning.json', '{"made":"by another program"}')])).toBe(null);
    for (const text of ['{"schema":"prunelab.run/1","spec":{}}', '{"schema":"prunelab.run/1",'])
      await expect(experimentIn([picked('pruning.json', text)])).rejects.toMatchObject({ kind: 'SpecError' });
  });
});

describe('the base model', () => {
  test('is the demo, a commit of the Hub, or a folder with its hash', () => {
    expect(baseOf(report)).toEqual({ kind: 'demo' });
    expect(baseOf(named('hf:a/b@c0ffee', 'hf:a/b'))).toEqual({ kind: 'hub', id: 'a/b', revision: 'c0ffee' });
    expect(baseOf(named('smollm2', '/disk/smollm2'))).toEqual({
      kind: 'files',
      name: 'smollm2',
      sha256: 'f00d',
    });
    expect(answers({ kind: 'demo' }, { kind: 'files', name: 'x', files: [] })).toBe(false);
  });
});

describe('what is shown', () => {
  test('beta is the one that was chosen; the figures are marked', () => {
    const auto = { ...report, spec: { ...report.spec, beta: 'auto' as const }, allocation: { ...report.allocation, id: 'atp', params: { beta: 0.02 }, sparsity: [], betaMax: null } }; // prettier-ignore
    expect(pageSpec(auto, 'demo').beta).toBe(0.02);
    const spec = pageSpec(report, 'demo');
    const results = storedResults(report, 'pruning.json', spec);
    expect(results.runs[runKey(spec)]).toMatchObject({ stored: 'pruning.json', rows: report.errors?.layers });
    expect(results.lastShown).toBe(runKey(spec));
  });

  test('a run again says whether it came out the same', () => {
    expect(compareAgain(report, report, 'r.json')).toMatch(/every figure is that of r\.json/);
    const other = { ...report, perplexity: { ...report.perplexity, pruned: 99 } };
    expect(compareAgain(report, other, 'r.json')).toMatch(/perplexity 99\.0+ here/);
  });
});

test('a history without storage keeps runs in memory, the newest first, one of each id', async () => {
  const history = new RunHistory();
  expect(await history.persistent()).toBe(false);
  await history.put({ ...report, id: 'a' }, 1);
  await history.put({ ...report, id: 'b' }, 3);
  await history.put({ ...report, id: 'a' }, 2);
  expect((await history.list()).map(({ key, savedAt }) => [key, savedAt])).toEqual([['b', 3], ['a', 2]]); // prettier-ignore
  for (let i = 0; i < 210; i++) await history.put({ ...report, id: `n${i}` }, 10 + i);
  const kept = await history.list();
  expect(kept).toHaveLength(200);
  expect(kept.at(-1)?.key).toBe('n10');
  await history.remove('n209');
  expect((await history.list())[0]?.key).toBe('n208');
  await history.clear();
  expect(await history.list()).toEqual([]);
});
