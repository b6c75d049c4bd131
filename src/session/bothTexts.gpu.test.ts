/** Two texts in one pass: the same figures as each by itself. */
import { expect, test } from 'vitest';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';

interface Texts {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
}

test('select and report measured together are what each is alone, and no masks are kept', () =>
  withLab(async ({ lab, io }) => {
    const { texts } = await fixtureJson<Texts>('two-block', 'pruning.json');
    giveWindows(lab, 'calibration', texts.calibration.windows.slice(0, 2));
    giveWindows(lab, 'select', texts.calibration.windows.slice(2, 4));
    giveWindows(lab, 'report', texts.report.windows.slice(0, 3));
    await lab.load(await fixtureModel('two-block'), io);
    const spec = windowSpec({ sparsity: 0.6, beta: 0.1 });
    const work = { units: 0, dispatches: 0 };
    const both = await lab.runBoth(spec, 0.1, { ...io, work });
    expect(work.units).toBeGreaterThan(0);
    expect(work.dispatches).toBeGreaterThan(0);
    expect(both.report.masks).toBeUndefined();
    const alone = await lab.run(spec, 0.1, io);
    expect(both.report.perplexity).toEqual(alone.perplexity);
    expect(both.report.sparsity).toEqual(alone.sparsity);
    expect(both.report.errors).toEqual(alone.errors);
    const point = (await lab.sweep(spec, { kind: 'exact', betas: [0.1] }, io)).points[0];
    expect(both.select.perplexity).toBe(point?.perplexity);
    expect(both.select.losses).toEqual(point?.losses);
    expect(both.select.kl).toBe(point?.kl);
    expect(both.select.topOne).toBe(point?.topOne);
    expect(both.select.dense).toHaveLength(2);
  }));
