/** What the self-test runs: small awkward cases of every kernel against the f64 references. */
import type { GpuContext } from '../../gpu/context';
import type { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import type { Workspace } from '../../ops/workspace';

/** Where one case runs: memory that is returned afterwards. */
export interface Rig {
  ctx: GpuContext;
  rec: Recorder;
  scope: Scope;
  workspace: Workspace;
}

export interface KernelCheck {
  /** Name of the op in src/ops. */
  op: string;
  /** What is special about this case. */
  what: string;
  /** Every variant that this adapter can run; [] where the op has one kernel. */
  variants: (ctx: GpuContext) => readonly string[];
  /** The variant that the op itself takes here. Throws when all have failed; '' where the op has one kernel. */
  choose: (ctx: GpuContext) => string;
  /** Throws when a value is wrong. */
  run: (rig: Rig, variant: string) => Promise<void>;
  /** What takes over when no kernel is left, as it stands in ctx.disabled. */
  fallback?: string;
  /** Left out of the quick test: the same kernel in a configuration that differs by one branch. */
  thorough?: true;
}

export const NO_VARIANTS = { variants: (): string[] => [], choose: (): string => '' };
