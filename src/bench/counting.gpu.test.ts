import { expect, test } from 'vitest';
import type { WorkCount } from '../core/report';
import { Recorder } from '../gpu/recorder';
import { planRun, ratesFor } from '../session/plan';
import { fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { CountingRecorder } from './counting';
import { NO_METER } from './env';
import { byFamily, Profile } from './profile';

const WINDOWS = [0, 1].map((w) => Array.from({ length: 24 }, (_, i) => (7 * i + w) % 50));

test('what is counted without running is what a run records', () =>
  withLab(async ({ lab, io }) => {
    await lab.load(await fixtureModel('two-block'), io);
    for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, WINDOWS);
    const spec = windowSpec({ sparsity: 0.6 });
    const { calibration, select } = await lab.texts(spec, ['calibration', 'select']);
    if (!calibration || !select) throw new Error('no texts');
    const { engine, plan: model } = lab.loaded;
    const plan = planRun(model, spec);
    const { rates } = ratesFor(model, plan, 0.1);
    const errors = { text: calibration, kind: 'cumulative' as const };
    const job = { plan, rates, statistics: 'exact' as const, calibration, errors, evaluate: select };
    // Fills what later passes find: the dense stream, the reference.
    const profiles: Profile[] = [];
    const works: WorkCount[] = [];
    for (const dry of [false, false, true]) {
      const profile = new Profile(engine.ctx, false);
      const rec = dry
        ? new CountingRecorder(engine.ctx, (dispatch) => profile.dispatched(dispatch))
        : new Recorder(engine.ctx, { probe: profile });
      await engine.prune(rec, job, NO_METER);
      await rec.finish();
      works.push({ ...rec.work });
      profiles.push(profile);
      rec.close();
    }
    const [, run, counted] = works;
    // Submits follow the pace that was learned.
    expect({ ...counted, submits: 0 }).toEqual({ ...run, submits: 0 });
    expect(counted?.submits).toBeGreaterThan(0);
    const [, ran, dry] = await Promise.all(profiles.map((p) => p.take()));
    expect(byFamily(dry ?? new Map())).toEqual(byFamily(ran ?? new Map()));
    for (const profile of profiles) profile.close();
  }));
