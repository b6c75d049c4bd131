/**
 * The kernels against their f64 references on the device at hand: drivers and browsers have bugs, and a wrong kernel
 * would look like a result. A kernel that fails is replaced by the next candidate of its op; an op without any is
 * reported, and the page refuses.
 */
import { LabError } from '../core/errors';
import type { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import { Workspace } from '../ops/workspace';
import type { KernelCheck } from './selfTest/check';
import { FORWARD_CHECKS } from './selfTest/forwardChecks';
import { PRUNING_CHECKS } from './selfTest/pruningChecks';

export interface SelfTestResult {
  ran: true;
  /** Ops without a kernel that works here. */
  failed: string[];
  /** Kernels that failed and are passed over from now on, as they stand in ctx.disabled. */
  replaced: string[];
}

/** One kernel in one case. */
export interface KernelTrial {
  op: string;
  /** '' where the op has one kernel. */
  variant: string;
  case: string;
  ok: boolean;
  /** Compilation included. */
  ms: number;
  error?: string;
}

const CHECKS: readonly KernelCheck[] = [...FORWARD_CHECKS, ...PRUNING_CHECKS];

/** `op.variant`, or the op where it has one kernel. */
function idOf(check: KernelCheck, variant: string): string {
  return variant === '' ? check.op : `${check.op}.${variant}`;
}

/** DeviceLostError and CancelledError pass; everything else is this kernel's failure. */
async function attempt(ctx: GpuContext, check: KernelCheck, variant: string): Promise<KernelTrial> {
  const startMs = performance.now();
  const rec = new Recorder(ctx);
  const scope = ctx.root.child();
  const trial = { op: check.op, variant, case: check.what };
  try {
    await check.run({ ctx, rec, scope, workspace: new Workspace(scope) }, variant);
    return { ...trial, ok: true, ms: performance.now() - startMs };
  } catch (cause) {
    ctx.throwIfLost();
    const error = LabError.from(cause);
    if (error.kind === 'DeviceLostError' || error.kind === 'OutOfMemoryError') throw error;
    return { ...trial, ok: false, ms: performance.now() - startMs, error: error.message };
  } finally {
    rec.close();
    scope.close();
  }
}

/**
 * Every kernel that the ops would choose on this device. Failing variants join ctx.disabled. A few seconds on a
 * software adapter, most of it compilation that later work does not repeat.
 */
export async function runSelfTest(ctx: GpuContext, log?: (line: string) => void): Promise<SelfTestResult> {
  const result: SelfTestResult = { ran: true, failed: [], replaced: [] };
  const pass = (id: string): void => {
    ctx.disabled.add(id);
    if (!result.replaced.includes(id)) result.replaced.push(id);
  };
  for (const check of CHECKS) {
    // Software adapters choose masks on the CPU.
    if (check.thorough || (check.fallback !== undefined && ctx.record.software)) continue;
    if (result.failed.includes(check.op)) continue;
    for (;;) {
      let variant: string;
      try {
        variant = check.choose(ctx);
      } catch {
        if (check.fallback !== undefined) pass(check.fallback);
        else result.failed.push(check.op);
        break;
      }
      const trial = await attempt(ctx, check, variant);
      if (trial.ok) break;
      log?.(`${idOf(check, variant)} (${check.what}) is wrong: ${trial.error ?? ''}`);
      if (variant !== '') pass(idOf(check, variant));
      else {
        if (check.fallback !== undefined) pass(check.fallback);
        else result.failed.push(check.op);
        break;
      }
    }
  }
  return result;
}

/** What an earlier self-test of the same adapter and browser found, for a device that skips it. */
export function applySelfTest(ctx: GpuContext, found: { replaced: readonly string[] }): void {
  for (const id of found.replaced) ctx.disabled.add(id);
}

/** Every kernel in every variant that this adapter can run, chosen or not; nothing is disabled. */
export async function tryAllKernels(
  ctx: GpuContext,
  onTrial?: (trial: KernelTrial) => void,
): Promise<KernelTrial[]> {
  const trials: KernelTrial[] = [];
  for (const check of CHECKS) {
    const variants = check.variants(ctx);
    for (const variant of variants.length > 0 ? variants : ['']) {
      const trial = await attempt(ctx, check, variant);
      trials.push(trial);
      onTrial?.(trial);
    }
  }
  return trials;
}
