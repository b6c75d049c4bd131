/** Sizes of the activations of a block, and how many tokens pass through one together. */
import type { DecoderConfig } from './archs/define';

export type WorkspaceWidths = Record<
  'x' | 'y' | 'normed' | 'q' | 'k' | 'v' | 'mixed' | 'gate' | 'up' | 'fused' | 'rawQ' | 'rawK' | 'branch',
  number
>;

/** Width of every activation of a workspace; 0 where a model has no use for it. */
export function widthsOf(c: DecoderConfig): WorkspaceWidths {
  const [width, kv] = [c.heads * c.headDim, c.kvHeads * c.headDim];
  const fused = Math.max(0, ...c.matrices.map((m) => (m.parts ? m.rows : 0)));
  return {
    x: c.hidden,
    y: c.hidden,
    normed: c.hidden,
    q: width,
    k: kv,
    v: kv,
    mixed: width,
    gate: c.inner,
    up: isGated(c) ? c.inner : 0,
    fused,
    rawQ: c.norms.q === undefined ? 0 : width,
    rawK: c.norms.k === undefined ? 0 : kv,
    branch: c.norms.attnOut === undefined && c.norms.mlpOut === undefined ? 0 : c.hidden,
  };
}

export function isGated(c: DecoderConfig): boolean {
  return c.matrices.some((m) => m.name === 'gate' || m.name === 'gateUp');
}

/** Bytes of a workspace per token, without attention scores. */
export function workspaceBytesPerToken(c: DecoderConfig): number {
  return 4 * Object.values(widthsOf(c)).reduce((sum, cols) => sum + cols, 0);
}

const SOFTWARE_BATCH_TOKENS = 512;
const HARDWARE_BATCH_TOKENS = 4096;
const HARDWARE_WORKSPACE_BYTES = 96 << 20;

/** Tokens that pass through a block together: bounded by memory on hardware, by submit length in software. */
export function batchTokensFor(config: DecoderConfig, software: boolean): number {
  if (software) return SOFTWARE_BATCH_TOKENS;
  const fit = Math.floor(HARDWARE_WORKSPACE_BYTES / workspaceBytesPerToken(config));
  return Math.min(HARDWARE_BATCH_TOKENS, Math.max(256, fit));
}
