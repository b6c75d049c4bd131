/** What a run asks of the GPU, beside what the device allows and where the time goes. */
import type { WorkCount } from '../core/report';
import type { RecorderProbe } from '../gpu/recorder';
import type { SuiteEnv } from './env';
import { byFamily, Profile, totalMs } from './profile';
import { limitOf, withRoofline } from './roofline';
import { makeRow, type BenchRow, type Family, type Samples } from './row';

/** The row of a timed run with counts, limit and families of kernels, from one more run that is watched. */
export async function accountedRow(
  env: SuiteEnv,
  where: Pick<BenchRow, 'suite' | 'case' | 'device'>,
  samples: Samples,
  { layers, tokens }: { layers: number; tokens: number },
  run: (probe: RecorderProbe) => Promise<WorkCount>,
): Promise<BenchRow> {
  const timed = env.peaks.clock === 'timestamp';
  const profile = new Profile(env.lab.ctx, timed);
  try {
    const work = await run(profile);
    const kernels = await profile.take();
    const allMs = totalMs(kernels);
    const families = Object.entries(byFamily(kernels)).map(([name, f]): [string, Family] => [
      name,
      { ...f, ms: timed ? f.ms : null, share: timed ? f.ms / allMs : null },
    ]);
    return {
      ...withRoofline(makeRow(where, samples, { ...work, tokens }), env.peaks),
      work: {
        ...work,
        dispatchesPerLayer: work.dispatches / layers,
        limitMs: limitOf(env.peaks, work)?.ms ?? null,
      },
      families: Object.fromEntries(families),
    };
  } finally {
    profile.close();
  }
}
