/** The clock of the speed measurement: every figure is bounded by a wait until the GPU is idle. */
import type { GpuContext } from '../../gpu/context';
import type { Recorder } from '../../gpu/recorder';
import type { DecodingSession, LayerView } from '../../models/generate';
import { pickToken } from '../../models/generate';
import { Rng } from '../../core/rng';
import { matvec } from '../../ops/matvec';
import type { Act } from '../../ops/types';
import type { LoadedModel } from '../../models/load';
import { copy } from '../../ops/copy';
import type { Scope } from '../../gpu/scope';

/** Milliseconds of work that is recorded by `work`, from an idle GPU to an idle GPU. */
export async function timed(rec: Recorder, work: () => Promise<void>): Promise<number> {
  await rec.finish();
  const startMs = performance.now();
  await work();
  await rec.finish();
  return performance.now() - startMs;
}

/** Greedy picks draw nothing. */
const GREEDY = new Rng(0);

export interface DecodeRun {
  prefillMs: number;
  decodeMs: number;
  /** The most likely token after each step, the prompt's first. */
  picks: number[];
}

/** Feeds the prompt, then the given tokens one by one, and picks after each as greedy generation does. */
export async function decodeRun(
  rec: Recorder,
  session: DecodingSession,
  view: LayerView,
  prompt: Uint32Array,
  tokens: readonly number[],
  onLogits?: (step: number, logits: Float32Array) => void,
): Promise<DecodeRun> {
  session.rewind();
  const picks: number[] = [];
  const feed = async (ids: Uint32Array): Promise<void> => {
    const logits = await session.feed(ids, view);
    onLogits?.(picks.length, logits);
    picks.push(pickToken(logits, 0, GREEDY));
  };
  const prefillMs = await timed(rec, () => feed(prompt));
  const decodeMs = await timed(rec, async () => {
    for (const id of tokens) await feed(Uint32Array.of(id));
  });
  return { prefillMs, decodeMs, picks };
}

/** One-token products of a layer's matrices, and nothing else. */
export class LayerBench {
  readonly #rec: Recorder;
  readonly #model: LoadedModel;
  readonly #x: Act;
  readonly #out: Act;

  constructor(rec: Recorder, scope: Scope, model: LoadedModel) {
    this.#rec = rec;
    this.#model = model;
    const all = model.layers.flatMap(({ matrices }) => Object.values(matrices));
    const act = (cols: number): Act => ({ buffer: scope.alloc(cols * 4, 'scratch', 'bench'), rows: 1, cols });
    this.#x = act(Math.max(...all.map(({ cols }) => cols)));
    this.#out = act(Math.max(...all.map(({ rows }) => rows)));
    rec.write(
      this.#x.buffer,
      0,
      Float32Array.from({ length: this.#x.cols }, (_, i) => Math.sin(i)),
    );
  }

  /**
   * How often a layer repeats within one timing, so that the wait for the idle GPU, which costs the same however short
   * the work, is a small share of it.
   */
  async repeats(layer: number, view: LayerView): Promise<number> {
    await this.ms(layer, view, 1);
    const waits: number[] = [];
    for (let i = 0; i < 3; i++)
      waits.push(
        await timed(this.#rec, () => {
          this.#rec.clear(this.#out.buffer, 0, 16);
          return Promise.resolve();
        }),
      );
    const least = WAITS * Math.min(...waits);
    let count = 1;
    while (count < MOST_REPEATS && (await this.ms(layer, view, count)) * count < least) count *= 2;
    return count;
  }

  /** Milliseconds of the layer for one token; the mean of `repeats`. */
  async ms(layer: number, view: LayerView, repeats: number): Promise<number> {
    const matrices = Object.entries(this.#model.layers[layer]?.matrices ?? {});
    const all = await timed(this.#rec, async () => {
      for (let i = 0; i < repeats; i++)
        for (const [name, { rows, cols }] of matrices) {
          const [x, out] = [
            { ...this.#x, cols },
            { ...this.#out, cols: rows },
          ];
          const matrix = view(layer)(name);
          if ('multiply' in matrix) await matrix.multiply(this.#rec, x, out, {});
          else await matvec(this.#rec, x, matrix.weight, out);
        }
    });
    return all / repeats;
  }
}

/** A timing lasts at least so many waits. */
const WAITS = 8;
const MOST_REPEATS = 64;

const COPY_BYTES = { software: 8 << 20, hardware: 64 << 20 };

/** Bytes of each side of a copy that leaves the caches (on software adapters, where loads are the limit, fewer do). */
export function copyBytes(ctx: GpuContext): number {
  return ctx.record.software ? COPY_BYTES.software : COPY_BYTES.hardware;
}

/** Bytes per second that a copy kernel moves, read and written: the best of some runs. */
export async function copyBandwidth(rec: Recorder, scope: Scope): Promise<number> {
  const bytes = copyBytes(rec.ctx);
  const [from, to] = [scope.alloc(bytes, 'scratch', 'copy'), scope.alloc(bytes, 'scratch', 'copy')];
  await scope.ready();
  let best = Infinity;
  for (let i = 0; i < 8; i++) best = Math.min(best, await timed(rec, () => copy(rec, from, to, bytes)));
  scope.free(from);
  scope.free(to);
  return (2 * bytes) / (best / 1000);
}
