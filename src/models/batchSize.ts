/** Tokens that pass through a block together: bounded by memory on hardware, by submit length in software. */
import type { DecoderConfig } from './archs/define';
import { workspaceBytesPerToken } from './decoder';

const SOFTWARE_BATCH_TOKENS = 512;
const HARDWARE_BATCH_TOKENS = 4096;
const HARDWARE_WORKSPACE_BYTES = 96 << 20;

export function batchTokensFor(config: DecoderConfig, software: boolean): number {
  if (software) return SOFTWARE_BATCH_TOKENS;
  const fit = Math.floor(HARDWARE_WORKSPACE_BYTES / workspaceBytesPerToken(config));
  return Math.min(HARDWARE_BATCH_TOKENS, Math.max(256, fit));
}
