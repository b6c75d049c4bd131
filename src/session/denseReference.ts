/**
 * What the dense model says about a text: its window losses, and the outputs of its last block, from which the head
 * alone gives its predictions again. Kept for two texts (select and report), the least recently used goes first.
 */
import type { LoadOutputs } from '../eval/compareText';
import { tokenLosses, windowLosses } from '../eval/perplexity';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Decoder, Workspace } from '../models/decoder';
import { KeptLogits } from '../models/keptLogits';
import { KeptStream } from '../models/keptStream';
import { embedBatch, type GpuText } from '../models/streams';
import type { Batch } from '../models/windows';
import type { Act } from '../ops/types';
import type { ResolvedText } from './texts';

const KEPT_TEXTS = 2;
/** Above this (in host memory) outputs are not kept: the dense model then runs again for every comparison. */
const KEPT_HOST_BYTES = 1 << 30;

export interface DenseReference {
  /** Mean loss of each window. */
  losses: number[];
  outputs: LoadOutputs;
  /** Its logits, where outputs are kept and there is room; filled by the first comparison. */
  logits: KeptLogits | null;
  /** Tokens that run through all blocks again in each comparison: 0 where outputs are kept. */
  rerunTokens: number;
}

interface Entry extends DenseReference {
  sha256: string;
  scope: Scope;
  users: number;
}

/** The parts of an engine that this needs. */
interface Parts {
  ctx: GpuContext;
  decoder: Decoder;
  /** Outlives jobs. */
  scope: Scope;
  text(rec: Recorder, scope: Scope, text: ResolvedText): GpuText;
  workspace(scope: Scope, texts: readonly GpuText[]): Workspace;
}

interface Progress {
  onBlock(tokens: number): void;
  onHead(tokens: number): void;
}

export class DenseReferences {
  readonly #parts: Parts;
  readonly #bounds: { gpuBytes?: number; hostBytes?: number };
  #entries: Entry[] = [];
  readonly #losses = new Map<string, number[]>();

  /** `bounds` are set by tests, which must not change a result. */
  constructor(parts: Parts, bounds: { gpuBytes?: number; hostBytes?: number } = {}) {
    this.#parts = parts;
    this.#bounds = bounds;
  }

  /** Losses that are known already, without their outputs where those were dropped. */
  losses(text: ResolvedText): number[] | undefined {
    return this.#losses.get(text.record.sha256);
  }

  has(text: ResolvedText): boolean {
    return this.#entries.some((e) => e.sha256 === text.record.sha256);
  }

  /** Runs `use` with the reference of a text, made where it is missing; it is not dropped meanwhile. */
  async with<T>(
    rec: Recorder,
    text: ResolvedText,
    progress: Progress,
    use: (reference: DenseReference) => Promise<T>,
  ): Promise<T> {
    const found = this.#entries.find((e) => e.sha256 === text.record.sha256);
    const entry = found ?? (await this.#make(rec, text, progress));
    this.#entries = [...this.#entries.filter((e) => e !== entry), entry];
    entry.users += 1;
    try {
      return await use(entry);
    } finally {
      entry.users -= 1;
      this.#trim();
    }
  }

  close(): void {
    for (const { scope } of this.#entries) scope.close();
    this.#entries = [];
  }

  #trim(): void {
    while (this.#entries.length > KEPT_TEXTS) {
      const idle = this.#entries.find((e) => e.users === 0);
      if (!idle) return;
      idle.scope.close();
      this.#entries = this.#entries.filter((e) => e !== idle);
    }
  }

  async #make(rec: Recorder, text: ResolvedText, progress: Progress): Promise<Entry> {
    const { ctx, decoder } = this.#parts;
    const { hidden } = decoder.config;
    const { tokens, lengths } = text.windows;
    const { gpuBytes, hostBytes = KEPT_HOST_BYTES } = this.#bounds;
    const scope = this.#parts.scope.child();
    const working = ctx.root.child();
    try {
      // The ids stay with the outputs: they are what makes them again where those are not kept.
      const onGpu = this.#parts.text(rec, scope, text);
      const ws = this.#parts.workspace(working, [onGpu]);
      const ids = scope.alloc(onGpu.largest * 4, 'scratch', 'batch ids');
      const kept = tokens * hidden * 4 <= hostBytes ? new KeptStream(scope, tokens, hidden, gpuBytes) : null;
      await scope.ready();
      await working.ready();
      const logits = kept && new KeptLogits(scope, onGpu.batches, decoder.config.vocabulary);
      const again: LoadOutputs = (recorder, space, batch, to) =>
        forward(recorder, decoder, space, onGpu, ids, batch, to, () => undefined);
      if (kept) {
        for (const batch of onGpu.batches) {
          await forward(rec, decoder, ws, onGpu, ids, batch, ws.x, progress.onBlock);
          await kept.store(rec, batch, ws.x);
        }
      }
      const outputs: LoadOutputs = kept
        ? (recorder, _space, batch, to) => {
            kept.load(recorder, batch, to);
            return Promise.resolve();
          }
        : again;
      let losses = this.#losses.get(text.record.sha256);
      if (!losses) {
        const load = kept
          ? outputs
          : (recorder: Recorder, space: Workspace, batch: Batch, to: Act) =>
              forward(recorder, decoder, space, onGpu, ids, batch, to, progress.onBlock);
        losses = windowLosses(
          await tokenLosses(
            rec,
            working,
            decoder,
            ws,
            onGpu,
            (b, to) => load(rec, ws, b, to),
            progress.onHead,
          ),
          lengths,
        );
        this.#losses.set(text.record.sha256, losses);
      }
      // What was recorded above reads buffers that the working scope is about to free.
      rec.flush();
      const rerunTokens = kept ? 0 : tokens;
      return { sha256: text.record.sha256, scope, users: 0, losses, outputs, logits, rerunTokens };
    } catch (error) {
      scope.close();
      throw error;
    } finally {
      working.close();
    }
  }
}

/** One batch through the whole dense model; `to` may be ws.x. */
async function forward(
  rec: Recorder,
  decoder: Decoder,
  ws: Workspace,
  text: GpuText,
  ids: LabBuffer,
  batch: Batch,
  to: Act,
  onBlock: (tokens: number) => void,
): Promise<void> {
  const bytes = batch.rows * decoder.config.hidden * 4;
  await embedBatch(rec, decoder, text, batch, ids, ws.x);
  for (let layer = 0; layer < decoder.config.layers; layer++) {
    await decoder.block(rec, ws, {
      layer,
      sequences: batch.sequences,
      length: batch.length,
      matrix: decoder.dense(layer),
    });
    rec.copy(ws.y.buffer, 0, ws.x.buffer, 0, bytes);
    onBlock(batch.rows);
  }
  if (to.buffer !== ws.x.buffer) rec.copy(ws.x.buffer, 0, to.buffer, 0, bytes);
}
