/** A Lab for tests, on the suite's GPU, with host functions that reach only what a test gives. */
import type { LabEvent } from '../session/protocol';
import { defaultSpec, type LabSpec } from '../core/spec';
import { GpuContext } from '../gpu/context';
import { Lab, type JobIo } from '../session/lab';
import type { LabHost } from '../session/host';
import { inNode, testGpu } from './setupGpu';
import { fixtureModel } from './fixtureFiles';

const HOST: LabHost = {
  demo: () => fixtureModel('demo-model'),
  bundledText: () => Promise.reject(new Error('this test gives its texts as windows')),
  tokenizer: () => Promise.reject(new Error('this test needs no tokenizer')),
};

export interface LabFixture {
  lab: Lab;
  io: JobIo;
  events: LabEvent[];
}

let shared: Promise<GpuContext> | undefined;

/**
 * Runs `body` with an empty lab; afterwards no error may have been raised and all memory must be back. Tests of a file
 * share one device, since compiling pipelines is the slow part; with options they get one of their own.
 */
export async function withLab(
  body: (fixture: LabFixture) => Promise<void>,
  options?: { defaultLimits?: boolean; without?: GPUFeatureName[] },
  host: Partial<LabHost> = {},
): Promise<void> {
  const open = (): Promise<GpuContext> =>
    GpuContext.open(testGpu(), { backend: inNode ? 'dawn-node' : 'chrome', ...options });
  shared ??= open();
  const ctx = options ? await open() : await shared;
  const events: LabEvent[] = [];
  const lab = new Lab(ctx, { ...HOST, ...host });
  ctx.errors.length = 0;
  try {
    await body({ lab, events, io: { job: 1, emit: (event) => events.push(event) } });
    lab.unload();
    if (ctx.errors.length > 0) throw new Error(`The device reported: ${ctx.errors.join('\n')}`);
    if (ctx.ledger.total !== 0)
      throw new Error(`Memory left behind: ${ctx.ledger.total} bytes in ${ctx.ledger.buffers} buffers.`);
  } finally {
    lab.unload();
    if (options) ctx.close();
  }
}

/** Windows of ids as the user text of this name. */
export function giveWindows(
  lab: Lab,
  which: 'calibration' | 'select' | 'report',
  windows: readonly (readonly number[])[],
): void {
  lab.setText(which, { name: `${which}.json`, bytes: new TextEncoder().encode(JSON.stringify({ windows })) });
}

/** A spec whose three texts are windows given with `giveWindows`. */
export function windowSpec(change: Partial<LabSpec>): LabSpec {
  return {
    ...defaultSpec(),
    texts: { calibration: 'calibration.json', select: 'select.json', report: 'report.json' },
    ...change,
  };
}
