/** Texts on the GPU and the residual streams that run through the blocks: [tokens, hidden] f32 each. */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Act } from '../ops/types';
import type { Decoder, Workspace } from './decoder';
import {
  InputStatistics,
  type LayerNorms,
  type LayerStatistics,
  type WantedStatistics,
} from './inputStatistics';
import { batchesOf, type Batch, type Windows } from './windows';

/** A text ready to run: its ids on the GPU and the batches in which it passes through a block. */
export interface GpuText {
  windows: Windows;
  ids: LabBuffer;
  batches: Batch[];
  /** Tokens of the longest window. */
  longest: number;
  /** Rows of the largest batch. */
  largest: number;
}

/** Uploads the ids; the buffer belongs to `scope`. `maxTokens` bounds a batch (at least one window). */
export function gpuText(rec: Recorder, scope: Scope, windows: Windows, maxTokens: number): GpuText {
  const ids = scope.alloc(windows.ids.byteLength, 'activations', 'token ids');
  rec.write(ids, 0, windows.ids);
  const batches = batchesOf(windows.lengths, maxTokens);
  return {
    windows,
    ids,
    batches,
    longest: Math.max(...windows.lengths),
    largest: Math.max(...batches.map((b) => b.rows)),
  };
}

/** A whole text's residual stream in one GPU buffer. */
export class Stream {
  readonly #buffer: LabBuffer;
  readonly #rowBytes: number;

  constructor(scope: Scope, tokens: number, hidden: number, label: string) {
    this.#rowBytes = hidden * 4;
    this.#buffer = scope.alloc(tokens * this.#rowBytes, 'activations', label);
  }

  load(rec: Recorder, batch: Batch, to: Act): void {
    rec.copy(this.#buffer, batch.rowBegin * this.#rowBytes, to.buffer, 0, batch.rows * this.#rowBytes);
  }

  store(rec: Recorder, batch: Batch, from: Act): void {
    rec.copy(from.buffer, 0, this.#buffer, batch.rowBegin * this.#rowBytes, batch.rows * this.#rowBytes);
  }
}

/** Embeds one batch into `out`. */
export async function embedBatch(
  rec: Recorder,
  decoder: Decoder,
  text: GpuText,
  batch: Batch,
  scratchIds: LabBuffer,
  out: Act,
): Promise<void> {
  rec.copy(text.ids, batch.rowBegin * 4, scratchIds, 0, batch.rows * 4);
  await decoder.embed(rec, scratchIds, batch.rows, out, batch.length);
}

/** Above this, dense block outputs wait in host memory instead of on the GPU. */
export const DENSE_STREAM_GPU_BYTES = 512 << 20;

/**
 * Outputs of every dense block on one text, kept because every comparison needs them: B_i(x) for i = -1 (embeddings)
 * to layers - 1. Filled layer by layer on first use; on the GPU while they fit, else in host memory.
 */
export class DenseStream {
  readonly text: GpuText;
  /** Input norms of the dense layers filled so far: the statistics of a preview. */
  readonly norms: LayerNorms[] = [];
  readonly #decoder: Decoder;
  readonly #scope: Scope;
  readonly #onGpu: boolean;
  readonly #gpu: LabBuffer[] = [];
  readonly #host: Float32Array<ArrayBuffer>[] = [];
  readonly #rowBytes: number;

  /** `gpuBytes`: above it the outputs wait in host memory. */
  constructor(decoder: Decoder, scope: Scope, text: GpuText, gpuBytes = DENSE_STREAM_GPU_BYTES) {
    this.text = text;
    this.#decoder = decoder;
    this.#scope = scope;
    this.#rowBytes = decoder.config.hidden * 4;
    this.#onGpu = DenseStream.bytes(decoder, text.windows.tokens) <= gpuBytes;
  }

  static bytes(decoder: Decoder, tokens: number): number {
    return (decoder.config.layers + 1) * tokens * decoder.config.hidden * 4;
  }

  /** The last layer that is there; -1: the embedding only, -2: nothing yet. */
  get filled(): number {
    return (this.#onGpu ? this.#gpu.length : this.#host.length) - 2;
  }

  /** Runs the dense model forward until layer `layer` is there. `onBatch` hears of every block and batch done. */
  async ensure(
    rec: Recorder,
    ws: Workspace,
    layer: number,
    onBatch?: (tokens: number) => void,
  ): Promise<void> {
    while (this.filled < layer) {
      const next = this.filled + 1;
      const target = this.#open();
      const own = this.#scope.child();
      try {
        const statistics = next >= 0 ? new InputStatistics(own, this.#decoder.config, this.text) : null;
        await this.#scope.ready();
        for (const batch of this.text.batches) {
          if (next === -1) await embedBatch(rec, this.#decoder, this.text, batch, target.ids, ws.y);
          else {
            this.load(rec, next - 1, batch, ws.x);
            await this.#decoder.block(rec, ws, {
              layer: next,
              sequences: batch.sequences,
              length: batch.length,
              matrix: this.#decoder.dense(next),
              onInput: statistics?.hook(rec, this.text, batch),
            });
            onBatch?.(batch.rows);
          }
          await target.store(rec, batch, ws.y);
        }
        const norms = statistics ? await statistics.norms(rec) : null;
        // A job that was held back may find that another has filled this layer meanwhile, with the same values.
        if (this.filled === next - 1) {
          // The batch ids are freed below: what reads them must be on its way.
          rec.flush();
          target.close();
          if (norms) this.norms.push(norms);
        } else target.abandon();
      } catch (error) {
        target.abandon();
        throw error;
      } finally {
        own.close();
      }
    }
  }

  /**
   * Statistics of the dense inputs of one layer, from one more run of its block over the outputs of the block before.
   * They are not kept: Gram matrices of a whole model are too large.
   */
  async denseStatistics(
    rec: Recorder,
    ws: Workspace,
    layer: number,
    wanted: WantedStatistics,
    onBatch?: (tokens: number) => void,
  ): Promise<LayerStatistics> {
    await this.ensure(rec, ws, layer - 1, onBatch);
    const own = this.#scope.child();
    try {
      const statistics = new InputStatistics(own, this.#decoder.config, this.text, wanted);
      await own.ready();
      for (const batch of this.text.batches) {
        this.load(rec, layer - 1, batch, ws.x);
        await this.#decoder.block(rec, ws, {
          layer,
          sequences: batch.sequences,
          length: batch.length,
          matrix: this.#decoder.dense(layer),
          onInput: statistics.hook(rec, this.text, batch),
        });
        onBatch?.(batch.rows);
      }
      return await statistics.read(rec);
    } finally {
      own.close();
    }
  }

  /** Output of block `layer` (-1: embeddings) for one batch. */
  load(rec: Recorder, layer: number, batch: Batch, to: Act): void {
    const begin = batch.rowBegin * this.#rowBytes;
    if (this.#onGpu) {
      const from = this.#gpu[layer + 1];
      if (!from) throw new Error(`dense output of layer ${layer} was not computed`);
      rec.copy(from, begin, to.buffer, 0, batch.rows * this.#rowBytes);
    } else {
      const from = this.#host[layer + 1];
      if (!from) throw new Error(`dense output of layer ${layer} was not computed`);
      rec.write(to.buffer, 0, from.subarray(begin / 4, begin / 4 + (batch.rows * this.#rowBytes) / 4));
    }
  }

  /** A layer being filled; it counts only once it is closed, so a cancelled job leaves no half layer. */
  #open(): {
    ids: LabBuffer;
    store: (rec: Recorder, batch: Batch, from: Act) => Promise<void>;
    close: () => void;
    abandon: () => void;
  } {
    const bytes = this.text.windows.tokens * this.#rowBytes;
    const ids = this.#scope.alloc(this.text.largest * 4, 'scratch', 'batch ids');
    if (this.#onGpu) {
      const buffer = this.#scope.alloc(bytes, 'denseStreams', 'dense block outputs');
      return {
        ids,
        store: (rec, batch, from) => {
          rec.copy(from.buffer, 0, buffer, batch.rowBegin * this.#rowBytes, batch.rows * this.#rowBytes);
          return Promise.resolve();
        },
        close: () => {
          this.#gpu.push(buffer);
          this.#scope.free(ids);
        },
        abandon: () => {
          this.#scope.free(buffer);
          this.#scope.free(ids);
        },
      };
    }
    const host = new Float32Array(bytes / 4);
    return {
      ids,
      store: async (rec, batch, from) => {
        host.set(
          await rec.readF32(from.buffer, (batch.rows * this.#rowBytes) / 4),
          (batch.rowBegin * this.#rowBytes) / 4,
        );
      },
      close: () => {
        this.#host.push(host);
        this.#scope.free(ids);
      },
      abandon: () => this.#scope.free(ids),
    };
  }
}
