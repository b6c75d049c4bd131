/** Which variant of an op runs: the first of its candidates that has not failed the self-test on this device. */
import { LabError } from '../core/errors';
import type { GpuContext } from '../gpu/context';

/** Candidates in order of preference; failed ones are in ctx.disabled as `op.variant`. */
export function firstUsable<T extends string>(ctx: GpuContext, op: string, candidates: readonly T[]): T {
  const found = candidates.find((variant) => !ctx.disabled.has(`${op}.${variant}`));
  if (found !== undefined) return found;
  throw new LabError(
    'GpuUnavailableError',
    `No kernel of ${op} gives right results on this adapter; those that run here and failed: ${candidates.join(', ') || 'none'}.`,
    'Update the graphics driver or the browser, or choose another adapter.',
  );
}

/** An op with one variant for software adapters and one for hardware: each stands in for the other. */
export function bySpeed<T extends string>(ctx: GpuContext, op: string, software: T, hardware: T): T {
  return firstUsable(ctx, op, ctx.record.software ? [software, hardware] : [hardware, software]);
}
