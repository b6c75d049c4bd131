/**
 * Perplexity of a text: exp(mean over windows of the mean token loss). The first token of a window is not scored, no
 * special token is put in, the tail was dropped when the windows were cut (docs/methods.md).
 */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Decoder, Workspace } from '../models/decoder';
import type { GpuText } from '../models/streams';
import type { Batch } from '../models/windows';
import { headLoss } from '../ops/headLoss';
import type { Act } from '../ops/types';

/** Not a token: a position that is not scored. */
const NO_TARGET = 0xffffffff;

/** Next-token targets of a text, one per position. */
export function targetsOf(ids: Uint32Array, lengths: readonly number[]): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(ids.length).fill(NO_TARGET);
  let at = 0;
  for (const length of lengths) {
    for (let t = 0; t + 1 < length; t++) out[at + t] = ids[at + t + 1] ?? NO_TARGET;
    at += length;
  }
  return out;
}

/** Mean loss of each window from token losses; NaN stays NaN. */
export function windowLosses(losses: ArrayLike<number>, lengths: readonly number[]): number[] {
  let at = 0;
  return lengths.map((length) => {
    let sum = 0;
    for (let t = 0; t + 1 < length; t++) sum += losses[at + t] as number;
    at += length;
    return sum / (length - 1);
  });
}

/** exp of the mean; null when it is not a finite number (the model diverged). */
export function perplexityOf(losses: readonly number[]): number | null {
  const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
  const value = Math.exp(mean);
  return Number.isFinite(value) ? value : null;
}

/**
 * Token losses of a text whose last block's outputs `load` copies batch by batch. [tokens] f32; the last position of a
 * window is 0 and not used. One readback.
 */
export async function tokenLosses(
  rec: Recorder,
  scope: Scope,
  decoder: Decoder,
  ws: Workspace,
  text: GpuText,
  load: (batch: Batch, to: Act) => void | Promise<void>,
  onBatch?: (tokens: number) => void,
): Promise<Float32Array> {
  const own = scope.child();
  try {
    const { tokens } = text.windows;
    const targets = targetsOnGpu(rec, own, text);
    const losses = own.alloc(tokens * 4, 'scratch', 'losses');
    for (const batch of text.batches) {
      await load(batch, ws.x);
      const { rows, rowBegin } = batch;
      const normed: Act = { ...ws.normed, rows };
      await decoder.finalNorm(rec, { ...ws.x, rows }, normed);
      const options = { ...decoder.logitOptions, begin: rowBegin };
      await headLoss(rec, normed, decoder.model.head, targets, losses, ws.scratch, options);
      onBatch?.(rows);
    }
    return await rec.readF32(losses, tokens);
  } finally {
    own.close();
  }
}

/** Next-token targets of all positions of a text. */
export function targetsOnGpu(rec: Recorder, scope: Scope, { windows }: GpuText): LabBuffer {
  const targets = scope.alloc(windows.tokens * 4, 'scratch', 'targets');
  // Nothing that is recorded reads a new buffer: it need not be submitted first.
  rec.ctx.device.queue.writeBuffer(targets.raw, 0, targetsOf(windows.ids, windows.lengths).buffer);
  return targets;
}
