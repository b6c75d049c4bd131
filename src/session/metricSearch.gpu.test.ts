import { expect, test } from 'vitest';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { searchMetricFor } from './metricSearch';

test('the fitness of a metric is the perplexity of the run that uses it', async () => {
  await withLab(async ({ lab, io, events }) => {
    const { windows = [] } =
      (await fixtureJson<Record<string, { windows: number[][] }>>('gradients', 'expected.json'))[
        'two-block'
      ] ?? {};
    for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, windows);
    await lab.load(await fixtureModel('two-block'), io);
    const spec = windowSpec({ allocation: 'uniform', beta: 0, sparsity: 0.6 });
    const options = { budget: 4, population: 2, seed: 3 };
    const found = await searchMetricFor(lab, spec, options, io);
    expect(found.trials).toHaveLength(4);
    expect(found.spec.set['expression']).toBe(found.best?.expression);
    const report = await lab.run(found.spec, 0, io);
    expect(report.perplexity.pruned).toBe(found.best?.perplexity);
    const stages = events.flatMap((e) =>
      e.type === 'progress' && e.unit === 'metrics' ? [[e.done, e.stage]] : [],
    );
    expect(stages.map(([done]) => done)).toEqual([0, 1, 2, 3, 4]);
    expect(stages[4]?.[1]).toContain(found.best?.perplexity?.toPrecision(5));
    // What a cancelled search leaves behind: the report so far, the last one the whole.
    const reports = events.flatMap((e) => (e.type === 'metricSearch' ? [e.report] : []));
    expect(reports.map((r) => r.trials.length)).toEqual([1, 2, 3, 4]);
    expect(reports[0]?.trials).toEqual(found.trials.slice(0, 1));
    expect(reports[3]).toEqual(found);
    await expect(
      searchMetricFor(lab, { ...spec, allocation: 'atp', beta: 'auto' }, options, io),
    ).rejects.toThrow(/needs a beta/);
  });
});
