/** A pruned model's predictions on a text beside the dense model's: both streams once more through the head. */
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import type { Decoder, Workspace } from '../models/decoder';
import type { GpuText } from '../models/streams';
import type { Batch } from '../models/windows';
import { COMPARE_FIGURES, headCompare } from '../ops/headCompare';
import type { Act } from '../ops/types';
import { targetsOf } from './perplexity';

/** Puts the last block's outputs of one batch into `to`, which may be ws.x; all of `ws` is scratch meanwhile. */
export type LoadOutputs = (rec: Recorder, ws: Workspace, batch: Batch, to: Act) => void | Promise<void>;

/** GPU bytes for each token of a batch beyond the workspace. */
export function compareBytesPerToken(hidden: number): number {
  return 4 * (hidden + 1 + COMPARE_FIGURES);
}

/**
 * [tokens, 4] f32 in the order of headCompare; rows that are not scored are zeros. The dense outputs are loaded first,
 * since making them anew may need the whole workspace.
 */
export async function compareStreams(
  rec: Recorder,
  scope: Scope,
  decoder: Decoder,
  ws: Workspace,
  text: GpuText,
  load: { dense: LoadOutputs; pruned: LoadOutputs },
  onBatch?: (tokens: number) => void,
): Promise<Float32Array> {
  const own = scope.child();
  try {
    const targets = own.alloc(text.largest * 4, 'scratch', 'targets');
    const figures = own.alloc(text.largest * COMPARE_FIGURES * 4, 'scratch', 'divergence');
    const { hidden } = decoder.config;
    const reference: Act = {
      buffer: own.alloc(text.largest * hidden * 4, 'activations', 'normed dense stream'),
      rows: text.largest,
      cols: hidden,
    };
    await own.ready();
    const all = targetsOf(text.windows.ids, text.windows.lengths);
    const out = new Float32Array(text.windows.tokens * COMPARE_FIGURES);
    for (const batch of text.batches) {
      const { rows, rowBegin } = batch;
      const of = (act: Act): Act => ({ ...act, rows });
      rec.write(targets, 0, all.subarray(rowBegin, rowBegin + rows));
      await load.dense(rec, ws, batch, ws.x);
      await decoder.finalNorm(rec, of(ws.x), of(reference));
      await load.pruned(rec, ws, batch, ws.x);
      await decoder.finalNorm(rec, of(ws.x), of(ws.normed));
      await headCompare(
        rec,
        of(reference),
        of(ws.normed),
        decoder.model.head,
        targets,
        figures,
        ws.scratch,
        decoder.logitOptions,
      );
      out.set(await rec.readF32(figures, rows * COMPARE_FIGURES), rowBegin * COMPARE_FIGURES);
      onBatch?.(2 * rows);
    }
    return out;
  } finally {
    own.close();
  }
}
