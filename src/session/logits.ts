/** Logits and block outputs of given windows, window by window: for comparison with other implementations. */
import type { Recorder } from '../gpu/recorder';
import { allocWorkspace } from '../models/decoder';
import { logits } from '../ops/headLoss';
import type { Act } from '../ops/types';
import type { Engine } from './engine';

/** Positions whose logits are held at once: vocabulary rows are long. */
const POSITIONS = 32;

export interface WindowOutputs {
  /** f32 [tokens, vocabulary] in pieces of whole positions. */
  logits: (begin: number, values: Float32Array) => Promise<void> | void;
  /** f32 [tokens, hidden]: the residual stream after a block, before the final norm. */
  layer?: (layer: number, values: Float32Array) => Promise<void> | void;
}

export async function windowOutputs(
  rec: Recorder,
  engine: Engine,
  ids: Uint32Array,
  out: WindowOutputs,
): Promise<void> {
  const scope = engine.ctx.root.child();
  const { decoder } = engine;
  const { hidden, vocabulary, layers } = decoder.config;
  try {
    const tokens = ids.length;
    decoder.ensurePositions(tokens);
    const ws = allocWorkspace(scope, decoder.config, tokens);
    const idBuffer = scope.alloc(tokens * 4, 'scratch', 'ids');
    const step = Math.min(POSITIONS, tokens);
    const rows = {
      buffer: scope.alloc(step * hidden * 4, 'scratch', 'head input'),
      rows: step,
      cols: hidden,
    };
    const result = {
      buffer: scope.alloc(step * vocabulary * 4, 'scratch', 'logits'),
      rows: step,
      cols: vocabulary,
    };
    await scope.ready();
    rec.write(idBuffer, 0, ids);
    await decoder.embed(rec, idBuffer, tokens, ws.x, tokens);
    for (let layer = 0; layer < layers; layer++) {
      await decoder.block(rec, ws, { layer, sequences: 1, length: tokens, matrix: decoder.dense(layer) });
      if (out.layer) await out.layer(layer, await rec.readF32(ws.y.buffer, tokens * hidden));
      rec.copy(ws.y.buffer, 0, ws.x.buffer, 0, tokens * hidden * 4);
    }
    await decoder.finalNorm(rec, { ...ws.x, rows: tokens }, { ...ws.normed, rows: tokens });
    for (let begin = 0; begin < tokens; begin += step) {
      const count = Math.min(step, tokens - begin);
      const on = (a: Act): Act => ({ ...a, rows: count });
      rec.copy(ws.normed.buffer, begin * hidden * 4, rows.buffer, 0, count * hidden * 4);
      await logits(rec, on(rows), decoder.model.head, on(result), decoder.logitOptions);
      await out.logits(begin, await rec.readF32(result.buffer, count * vocabulary));
    }
  } finally {
    scope.close();
  }
}
