/**
 * Interprets a DecoderConfig: one transformer block at a time over a workspace of activations. Weights come through a
 * function, so that the same code runs dense, masked, and decoding from a cache.
 */
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { activate } from '../ops/activate';
import { attention } from '../ops/attention';
import { embed } from '../ops/embed';
import { matmul } from '../ops/matmul';
import { matvec } from '../ops/matvec';
import { rmsNorm } from '../ops/rmsNorm';
import { rope } from '../ops/rope';
import { Workspace as Scratch } from '../ops/workspace';
import type { Act, MaskBuffer, Weight } from '../ops/types';
import type { DecoderConfig, InputName, MatrixName } from './archs/define';
import type { LoadedModel } from './load';
import { rotaryTable } from './rotary';

/** Activations of up to `tokens` rows; everything a block needs between its input x and its output y. */
export interface Workspace {
  tokens: number;
  /** Block input, kept unchanged. [tokens, hidden] */
  x: Act;
  /** Block output. [tokens, hidden] */
  y: Act;
  normed: Act;
  q: Act;
  k: Act;
  v: Act;
  mixed: Act;
  gate: Act;
  up: Act;
  /** What ops need for themselves. */
  scratch: Scratch;
}

export function allocWorkspace(scope: Scope, c: DecoderConfig, tokens: number): Workspace {
  const act = (cols: number, label: string): Act => ({
    buffer: scope.alloc(tokens * cols * 4, 'activations', label),
    rows: tokens,
    cols,
  });
  return {
    tokens,
    x: act(c.hidden, 'x'),
    y: act(c.hidden, 'y'),
    normed: act(c.hidden, 'normed'),
    q: act(c.heads * c.headDim, 'q'),
    k: act(c.kvHeads * c.headDim, 'k'),
    v: act(c.kvHeads * c.headDim, 'v'),
    mixed: act(c.heads * c.headDim, 'mixed'),
    gate: act(c.inner, 'gate'),
    up: act(c.inner, 'up'),
    scratch: new Scratch(scope),
  };
}

/** Bytes of a workspace per token, without attention scores. */
export function workspaceBytesPerToken(c: DecoderConfig): number {
  return 4 * (3 * c.hidden + 2 * c.heads * c.headDim + 2 * c.kvHeads * c.headDim + 2 * c.inner);
}

/** Keys and values of one block for cached decoding: [capacity, kvHeads * headDim] each. */
export interface KvCache {
  k: Act;
  v: Act;
}

/** A matrix as this run sees it: a weight, and for single tokens optionally a mask applied while loading. */
export interface MatrixView {
  weight: Weight;
  mask?: MaskBuffer;
}

export interface BlockRun {
  layer: number;
  /** Sequences side by side, all of `length` tokens. */
  sequences: number;
  length: number;
  matrix: (name: MatrixName) => MatrixView | Promise<MatrixView>;
  /** Sees each shared input once, before the matrices read it. */
  onInput?: (name: InputName, input: Act) => Promise<void>;
  /** Cached decoding: `length` new tokens begin at this position (one sequence). */
  cache?: { kv: KvCache; position: number };
}

/** Rotary table and the other constants of a loaded model on its device. */
export class Decoder {
  readonly ctx: GpuContext;
  readonly model: LoadedModel;
  readonly config: DecoderConfig;
  #table: LabBuffer | undefined;
  #tablePositions = 0;

  constructor(ctx: GpuContext, model: LoadedModel) {
    this.ctx = ctx;
    this.model = model;
    this.config = model.config;
  }

  /** Makes the rotary table reach `positions`; call before recording a run of that length. */
  ensurePositions(positions: number): void {
    if (this.#table && positions <= this.#tablePositions) return;
    const reach = Math.min(this.config.context, Math.max(positions, 512));
    const data = rotaryTable(this.config, Math.max(reach, positions));
    if (this.#table) this.model.scope.free(this.#table);
    this.#table = this.model.scope.alloc(data.byteLength, 'scratch', 'rotary table');
    this.ctx.device.queue.writeBuffer(this.#table.raw, 0, data as Float32Array<ArrayBuffer>);
    this.#tablePositions = Math.max(reach, positions);
  }

  /** Embedding rows of `count` ids into ws.x. */
  async embed(rec: Recorder, ids: LabBuffer, count: number, out: Act): Promise<void> {
    await embed(rec, this.model.embedding, ids, count, { ...out, rows: count });
  }

  /** ws.x -> ws.y through one block. */
  async block(rec: Recorder, ws: Workspace, run: BlockRun): Promise<void> {
    const c = this.config;
    const layer = this.model.layers[run.layer];
    if (!layer) throw new Error(`there is no layer ${run.layer}`);
    const rows = run.sequences * run.length;
    const on = (a: Act): Act => ({ ...a, rows });
    const { biases } = layer;
    const linear = async (name: MatrixName, input: Act, output: Act, residual?: Act): Promise<void> => {
      const { weight, mask } = await run.matrix(name);
      const options = { bias: biases[name], residual };
      if (rows === 1) await matvec(rec, input, weight, output, { ...options, mask });
      else await matmul(rec, input, weight, output, options);
    };

    const [x, y, normed, q, k, v, mixed, gate, up] = [
      ws.x,
      ws.y,
      ws.normed,
      ws.q,
      ws.k,
      ws.v,
      ws.mixed,
      ws.gate,
      ws.up,
    ].map(on) as [Act, Act, Act, Act, Act, Act, Act, Act, Act];
    await rmsNorm(rec, x, layer.inputNorm, normed, { eps: c.normEps });
    await run.onInput?.('attn', normed);
    await linear('q', normed, q);
    await linear('k', normed, k);
    await linear('v', normed, v);
    const table = this.#table;
    if (!table) throw new Error('ensurePositions was not called');
    const position = run.cache?.position ?? 0;
    const rotary = {
      headDim: c.headDim,
      rotaryDim: c.headDim,
      seqLength: run.length,
      positionBegin: position,
    };
    await rope(rec, q, table, { heads: c.heads, ...rotary });
    await rope(rec, k, table, { heads: c.kvHeads, ...rotary });
    let keys = run.length;
    let source: KvCache = { k, v };
    if (run.cache) {
      const { kv } = run.cache;
      const rowBytes = c.kvHeads * c.headDim * 4;
      rec.copy(k.buffer, 0, kv.k.buffer, position * rowBytes, rows * rowBytes);
      rec.copy(v.buffer, 0, kv.v.buffer, position * rowBytes, rows * rowBytes);
      keys = position + run.length;
      source = { k: { ...kv.k, rows: keys }, v: { ...kv.v, rows: keys } };
    }
    const attended = {
      batch: run.sequences,
      queries: run.length,
      keys,
      heads: c.heads,
      kvHeads: c.kvHeads,
      headDim: c.headDim,
    };
    await attention(
      rec,
      q,
      source.k,
      source.v,
      mixed,
      { ...attended, positionBegin: position, scale: 1 / Math.sqrt(c.headDim) },
      ws.scratch,
    );
    await run.onInput?.('o', mixed);
    await linear('o', mixed, y, x);
    await rmsNorm(rec, y, layer.postNorm, normed, { eps: c.normEps });
    await run.onInput?.('mlp', normed);
    await linear('gate', normed, gate);
    await linear('up', normed, up);
    await activate(rec, 'silu', gate, up);
    await run.onInput?.('down', gate);
    await linear('down', gate, y, y);
  }

  /** Final norm of the first `rows` rows of x into out. */
  async finalNorm(rec: Recorder, x: Act, out: Act): Promise<void> {
    await rmsNorm(rec, x, this.model.finalNorm, out, { eps: this.config.normEps });
  }

  /** The dense view of a layer. */
  dense(layer: number): (name: MatrixName) => MatrixView {
    return (name) => {
      const weight = this.model.layers[layer]?.matrices[name];
      if (!weight) throw new Error(`there is no matrix ${name} in layer ${layer}`);
      return { weight };
    };
  }
}
