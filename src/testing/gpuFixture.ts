/**
 * GPU tests: one context per test file, a fresh recorder and scope per test. After each test the device must have
 * raised no error and every byte must have been returned.
 */
import { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { Workspace } from '../ops/workspace';
import { inNode, testGpu } from './setupGpu';

export {
  normals,
  poisonedAct,
  readAct,
  upload,
  uploadAct,
  uploadVec,
  uploadWeight,
  type Place,
  type TrialWeight,
} from '../ops/trial';

export interface GpuFixture {
  ctx: GpuContext;
  rec: Recorder;
  scope: Scope;
  workspace: Workspace;
}

let shared: Promise<GpuContext> | undefined;

function context(): Promise<GpuContext> {
  shared ??= GpuContext.open(testGpu(), { backend: inNode ? 'dawn-node' : 'chrome' });
  return shared;
}

/** Runs `body` on the file's context and checks afterwards that nothing failed and nothing is left. */
export async function runOnGpu(body: (fixture: GpuFixture) => Promise<void>): Promise<void> {
  const ctx = await context();
  const before = { bytes: ctx.ledger.total, buffers: ctx.ledger.buffers };
  ctx.errors.length = 0;
  const rec = new Recorder(ctx);
  const scope = ctx.root.child();
  try {
    await body({ ctx, rec, scope, workspace: new Workspace(scope) });
    await rec.finish();
    await scope.ready();
  } finally {
    rec.close();
    scope.close();
    await ctx.device.queue.onSubmittedWorkDone();
  }
  if (ctx.errors.length > 0) throw new Error(`The device reported: ${ctx.errors.join('\n')}`);
  if (ctx.ledger.total !== before.bytes || ctx.ledger.buffers !== before.buffers) {
    throw new Error(
      `Memory left behind: ${ctx.ledger.total - before.bytes} bytes in ${ctx.ledger.buffers - before.buffers} buffers.`,
    );
  }
}

/** A test function: `test('…', withGpu(async ({ rec, scope }) => …))`. */
export function withGpu(body: (fixture: GpuFixture) => Promise<void>): () => Promise<void> {
  return () => runOnGpu(body);
}
