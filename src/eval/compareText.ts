/** A pruned model's predictions on a text beside the dense model's: both streams through the head in one walk. */
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import type { Decoder, Workspace } from '../models/decoder';
import type { KeptLogits } from '../models/keptLogits';
import type { GpuText } from '../models/streams';
import type { Batch } from '../models/windows';
import { COMPARE_FIGURES, headCompare } from '../ops/headCompare';
import type { Act } from '../ops/types';
import { targetsOnGpu } from './perplexity';

/** Puts the last block's outputs of one batch into `to`, which may be ws.x; all of `ws` is scratch meanwhile. */
export type LoadOutputs = (rec: Recorder, ws: Workspace, batch: Batch, to: Act) => void | Promise<void>;

/** GPU bytes for each token of a batch beyond the workspace. */
export function compareBytesPerToken(hidden: number): number {
  return 4 * hidden;
}

/** GPU bytes for each token of the text. */
export const COMPARED_TOKEN_BYTES = 4 * (2 + COMPARE_FIGURES);

export interface ComparedText {
  /** [tokens] f32: losses of the pruned model, the bits that tokenLosses gives. */
  losses: Float32Array;
  /** [tokens, 4] f32 in the order of headCompare; rows that are not scored are zeros. */
  figures: Float32Array;
}

/**
 * Losses and comparison of a text in one readback. The dense outputs are loaded first, since making them anew may need
 * the whole workspace; where their logits are kept they are not needed at all.
 */
export async function compareStreams(
  rec: Recorder,
  scope: Scope,
  decoder: Decoder,
  ws: Workspace,
  text: GpuText,
  load: { dense: LoadOutputs; logits: KeptLogits | null; pruned: LoadOutputs },
  onBatch?: (tokens: number) => void,
): Promise<ComparedText> {
  const own = scope.child();
  const store = (await load.logits?.open()) ? load.logits : null;
  const known = store?.known === true;
  try {
    const { tokens } = text.windows;
    const targets = targetsOnGpu(rec, own, text);
    const losses = own.alloc(tokens * 4, 'scratch', 'losses');
    const figures = own.alloc(tokens * COMPARE_FIGURES * 4, 'scratch', 'divergence');
    const { hidden } = decoder.config;
    const reference: Act | null = known
      ? null
      : {
          buffer: own.alloc(text.largest * hidden * 4, 'activations', 'normed dense stream'),
          rows: text.largest,
          cols: hidden,
        };
    await own.ready();
    for (const batch of text.batches) {
      const { rows, rowBegin } = batch;
      const of = (act: Act): Act => ({ ...act, rows });
      if (reference) {
        await load.dense(rec, ws, batch, ws.x);
        await decoder.finalNorm(rec, of(ws.x), of(reference));
      }
      await load.pruned(rec, ws, batch, ws.x);
      await decoder.finalNorm(rec, of(ws.x), of(ws.normed));
      await headCompare(
        rec,
        reference && of(reference),
        of(ws.normed),
        decoder.model.head,
        { targets, losses, figures },
        ws.scratch,
        { ...decoder.logitOptions, begin: rowBegin, ...(store && { store }) },
      );
      onBatch?.((known ? 1 : 2) * rows);
    }
    const [l, f] = await rec.readMany([
      { buffer: losses, bytes: tokens * 4 },
      { buffer: figures, bytes: tokens * COMPARE_FIGURES * 4 },
    ]);
    if (store) store.known = true;
    return { losses: new Float32Array(l as ArrayBuffer), figures: new Float32Array(f as ArrayBuffer) };
  } finally {
    own.close();
  }
}
