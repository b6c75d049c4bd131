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
import { DEPENDENT_CHECKS, FORWARD_CHECKS } from './selfTest/forwardChecks';
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

const INDEPENDENT: readonly KernelCheck[] = [...FORWARD_CHECKS, ...PRUNING_CHECKS];

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

/** Tries what the op would take until something works; null when nothing is left. */
async function firstThatWorks(
  ctx: GpuContext,
  check: KernelCheck,
  onFailure: (id: string, error: string) => void,
): Promise<boolean> {
  for (;;) {
    let variant: string;
    try {
      variant = check.choose(ctx);
    } catch {
      return false;
    }
    const trial = await attempt(ctx, check, variant);
    if (trial.ok) return true;
    onFailure(idOf(check, variant), trial.error ?? '');
    if (variant === '') return false;
    ctx.disabled.add(idOf(check, variant));
  }
}

/**
 * Every kernel that the ops would choose on this device. Failing variants join ctx.disabled. A few seconds on a
 * software adapter, most of it compilation, which later work on this device does not repeat.
 */
export async function runSelfTest(
  ctx: GpuContext,
  log?: (line: string) => void,
  options: { /** These ops only; all when left out. */ ops?: readonly string[] } = {},
): Promise<SelfTestResult> {
  const failed = new Set<string>();
  const run = async (check: KernelCheck): Promise<void> => {
    const works = await firstThatWorks(ctx, check, (id, error) =>
      log?.(`${id} (${check.what}) is wrong: ${error}`),
    );
    if (works) return;
    if (check.fallback !== undefined) ctx.disabled.add(check.fallback);
    else failed.add(check.op);
  };
  const hardware = ctx.record.software ? [] : (await import('./selfTest/hardwareChecks')).hardwareChecks(ctx);
  const used = (c: KernelCheck): boolean => !c.thorough && (options.ops?.includes(c.op) ?? true);
  // Side by side: compilation uses every core.
  await Promise.all([...INDEPENDENT, ...hardware].filter(used).map(run));
  await Promise.all(DEPENDENT_CHECKS.filter(used).map(run));
  return { ran: true, failed: [...failed], replaced: [...ctx.disabled] };
}

/**
 * The same for kernels that the page does not need to begin with, on their first use. Ids of checks that no kernel
 * passes (op and case); failing variants join ctx.disabled.
 */
export async function runChecks(ctx: GpuContext, checks: readonly KernelCheck[]): Promise<string[]> {
  const failed: string[] = [];
  for (const check of checks)
    if (!(await firstThatWorks(ctx, check, () => undefined))) failed.push(`${check.op} ${check.what}`);
  return failed;
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
  // Not among what the page loads to begin with: the quick test has none of them.
  const [{ SELECT_CHECKS }, { BACKWARD_CHECKS }, { STATISTICS_CHECKS }, { PACKED_CHECKS }] =
    await Promise.all([
      import('./selfTest/selectChecks'),
      import('./selfTest/backwardChecks'),
      import('./selfTest/statisticsChecks'),
      import('./selfTest/packedChecks'),
    ]);
  const trials: KernelTrial[] = [];
  for (const check of [
    ...INDEPENDENT,
    ...SELECT_CHECKS,
    ...DEPENDENT_CHECKS,
    ...STATISTICS_CHECKS,
    ...BACKWARD_CHECKS,
    ...PACKED_CHECKS,
  ]) {
    const variants = check.variants(ctx);
    for (const variant of variants.length > 0 ? variants : ['']) {
      const trial = await attempt(ctx, check, variant);
      trials.push(trial);
      onTrial?.(trial);
    }
  }
  return trials;
}
