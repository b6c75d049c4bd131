/** Every suite of the benchmark, in the order in which they run. */
import { isCancelled, LabError } from '../core/errors';
import type { BenchEnv, SuiteEnv } from './env';
import { measurePeaks } from './peaks';
import { errorRow } from './row';
import { countsSuite } from './suites/counts';
import { exportSuite, loadSuite } from './suites/files';
import { forwardSuite } from './suites/forward';
import { kernelsSuite } from './suites/kernels';
import { methodsSuite } from './suites/methods';
import { sweepSuite } from './suites/sweep';
import { tickSuite } from './suites/tick';

const SUITES: Record<string, (env: SuiteEnv) => Promise<void>> = {
  kernels: kernelsSuite,
  forward: forwardSuite,
  tick: tickSuite,
  sweep: sweepSuite,
  methods: methodsSuite,
  load: loadSuite,
  export: exportSuite,
  counts: countsSuite,
};

/** It measures nothing: only where it is asked for. */
const ON_DEMAND = 'counts';

export const SUITE_NAMES = Object.keys(SUITES);

/** Runs one suite, or all. A suite that fails leaves a row that says why, and the others run. */
export async function runBench(env: BenchEnv, only?: string): Promise<void> {
  if (only !== undefined && !SUITE_NAMES.includes(only)) {
    throw new LabError(
      'SpecError',
      `There is no suite "${only.slice(0, 60)}".`,
      `Use one of ${SUITE_NAMES.join(', ')}.`,
    );
  }
  env.note('What the device gives at best');
  const peaks = await measurePeaks(env);
  for (const [name, suite] of Object.entries(SUITES)) {
    if (only === undefined ? name === ON_DEMAND : name !== only) continue;
    env.note(`Suite ${name}`);
    try {
      await suite({ ...env, peaks });
    } catch (cause) {
      const error = LabError.from(cause);
      if (isCancelled(error) || error.kind === 'DeviceLostError') throw error;
      env.emit(errorRow({ suite: name, case: 'all', device: env.device }, `${error.kind}: ${error.message}`));
    } finally {
      env.lab.unload();
    }
  }
}
