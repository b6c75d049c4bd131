/**
 * Interprets a DecoderConfig: one transformer block at a time over a workspace of activations. Weights come through a
 * function, so that the same code runs dense, masked, and decoding from a cache.
 */
import { LabError } from '../core/errors';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { activate } from '../ops/activate';
import { addPositions } from '../ops/addPositions';
import { attention, type AttentionOptions } from '../ops/attention';
import { embed } from '../ops/embed';
import { layerNorm } from '../ops/layerNorm';
import { matmul } from '../ops/matmul';
import { matvec } from '../ops/matvec';
import { rmsNorm } from '../ops/rmsNorm';
import { rope } from '../ops/rope';
import { splitColumns } from '../ops/splitColumns';
import { Workspace as Scratch } from '../ops/workspace';
import type { Act, MaskBuffer, Vec, Weight } from '../ops/types';
import type { BlockSpec, DecoderConfig, MatrixPart, NormSlot } from './archs/define';
import { matrixOf, type LoadedModel, type NormVectors } from './load';
import { rotaryKey, rotaryTable } from './rotary';
import { widthsOf } from './workspaceShapes';

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
  /** Absent without a gate. */
  up?: Act;
  /** Outputs of a fused matrix before they are told apart. */
  fused?: Act;
  /** Queries and keys before their norms. */
  rawQ?: Act;
  rawK?: Act;
  /** A branch before the norm at its end. */
  branch?: Act;
  /** What ops need for themselves. */
  scratch: Scratch;
}

export function allocWorkspace(scope: Scope, c: DecoderConfig, tokens: number): Workspace {
  const acts = Object.entries(widthsOf(c))
    .filter(([, cols]) => cols > 0)
    .map(([label, cols]): [string, Act] => [
      label,
      { buffer: scope.alloc(tokens * cols * 4, 'activations', label), rows: tokens, cols },
    ]);
  return {
    ...(Object.fromEntries(acts) as Omit<Workspace, 'tokens' | 'scratch'>),
    tokens,
    scratch: new Scratch(scope),
  };
}

/** Keys and values of one block for cached decoding: [capacity, kvHeads * headDim] each. */
export interface KvCache {
  k: Act;
  v: Act;
}

/**
 * A matrix as this run sees it: a weight, and for single tokens optionally a mask applied while loading; or something
 * that multiplies by itself (a packed weight).
 */
export type MatrixView =
  | { weight: Weight; mask?: MaskBuffer }
  | { multiply: (rec: Recorder, x: Act, out: Act, add: { bias?: Vec; residual?: Act }) => Promise<void> };

export interface BlockRun {
  layer: number;
  /** Sequences side by side, all of `length` tokens. */
  sequences: number;
  length: number;
  matrix: (name: string) => MatrixView | Promise<MatrixView>;
  /** Sees each shared input once, before the matrices read it. */
  onInput?: (name: string, input: Act) => Promise<void>;
  /** Sees the gate (or the only MLP input projection) before its activation, which happens in place. */
  onGate?: (gate: Act) => Promise<void> | void;
  /** Cached decoding: `length` new tokens begin at this position (one sequence). */
  cache?: { kv: KvCache; position: number };
}

/** Rotary tables and the other constants of a loaded model on its device. */
export class Decoder {
  readonly ctx: GpuContext;
  readonly model: LoadedModel;
  readonly config: DecoderConfig;
  /** By rotary setting and key. */
  readonly #tables = new Map<string, LabBuffer>();
  #positions = 0;

  constructor(ctx: GpuContext, model: LoadedModel) {
    this.ctx = ctx;
    this.model = model;
    this.config = model.config;
  }

  /** Makes the rotary tables reach sequences of `positions` tokens; call before recording a run of that length. */
  ensurePositions(positions: number): void {
    const { positions: learned, context, ropes } = this.config;
    if (learned && positions > learned.rows - learned.offset)
      throw new LabError(
        'TextError',
        `${positions} tokens are more than the model's ${learned.rows - learned.offset} learned positions.`,
        'Use shorter windows.',
      );
    if (positions <= this.#positions) return;
    this.#positions = Math.max(positions, Math.min(context, 512));
    for (const table of this.#tables.values()) this.model.scope.free(table);
    this.#tables.clear();
    for (const i of ropes.keys()) this.#table(i, 1);
  }

  /** Cosines and sines of a rotary setting for sequences of `length` tokens. */
  #table(index: number, length: number): LabBuffer {
    const spec = this.config.ropes[index];
    if (!spec || this.#positions === 0) throw new Error('ensurePositions was not called');
    const key = `${index} ${rotaryKey(spec, length)}`;
    let table = this.#tables.get(key);
    if (!table) {
      const data = rotaryTable(spec, this.#positions, length);
      const buffer = this.model.scope.alloc(data.byteLength, 'scratch', 'rotary table');
      this.ctx.device.queue.writeBuffer(buffer.raw, 0, data as Float32Array<ArrayBuffer>);
      this.#tables.set(key, buffer);
      table = buffer;
    }
    return table;
  }

  /**
   * Embedding rows of `count` ids into `out`, with learned positions where the model has them: windows of `length`
   * tokens, the first token at `position`.
   */
  async embed(
    rec: Recorder,
    ids: LabBuffer,
    count: number,
    out: Act,
    length: number,
    position = 0,
  ): Promise<void> {
    const { embeddingScale, positions } = this.config;
    const rows = { ...out, rows: count };
    await embed(rec, this.model.embedding, ids, count, rows, { scale: embeddingScale });
    const table = this.model.positions;
    if (positions && table)
      await addPositions(rec, table, rows, {
        seqLength: length,
        positionBegin: position,
        offset: positions.offset,
      });
  }

  /** ws.x -> ws.y through one block. */
  async block(rec: Recorder, ws: Workspace, run: BlockRun): Promise<void> {
    const c = this.config;
    const layer = this.model.layers[run.layer];
    const spec = c.blocks[run.layer];
    if (!layer || !spec) throw new Error(`there is no layer ${run.layer}`);
    const rows = run.sequences * run.length;
    const on = <T extends Act | undefined>(a: T): T => a && { ...a, rows };
    const { biases, norms } = layer;
    const linear = async (name: string, input: Act, output: Act, residual?: Act): Promise<void> => {
      const view = await run.matrix(name);
      const options = { bias: biases[name], residual };
      if ('multiply' in view) return view.multiply(rec, input, output, options);
      const { weight, mask } = view;
      if (rows === 1) await matvec(rec, input, weight, output, { ...options, mask });
      else await matmul(rec, input, weight, output, options);
    };
    const [x, y, normed, mixed] = [on(ws.x), on(ws.y), on(ws.normed), on(ws.mixed)];
    const [fused, branch] = [on(ws.fused), on(ws.branch)];
    /** A fused matrix, its outputs told apart. */
    const split = async (name: string, input: Act, outputs: Record<string, Act>): Promise<void> => {
      const wide = needed(fused, 'fused');
      const parts = partsOf(c, name);
      const { rows: width } = this.model.layers[run.layer]?.matrices[name] ?? { rows: 0 };
      const whole = { ...wide, cols: width };
      await linear(name, input, whole);
      for (const part of parts) {
        const out = outputs[part.name];
        if (out) await splitColumns(rec, whole, out, part);
      }
    };
    /** The end of a branch: straight onto the residual, or through a norm first. */
    const finish = async (name: string, input: Act, slot: NormSlot, residual: Act): Promise<void> => {
      const norm = norms[slot];
      if (!norm) return linear(name, input, y, residual);
      const raw = needed(branch, 'branch');
      await linear(name, input, raw);
      await this.#norm(rec, raw, norm, y, residual);
    };
    const has = (name: string): boolean => c.matrices.some((m) => m.name === name);

    let attnInput = x;
    if (norms.attnIn) {
      await this.#norm(rec, x, norms.attnIn, normed);
      attnInput = normed;
    }
    await run.onInput?.('attn', attnInput);
    const [q, k, v] = [on(ws.q), on(ws.k), on(ws.v)];
    const rawQ = norms.q ? needed(on(ws.rawQ), 'rawQ') : q;
    const rawK = norms.k ? needed(on(ws.rawK), 'rawK') : k;
    if (has('qkv')) await split('qkv', attnInput, { q: rawQ, k: rawK, v });
    else {
      await linear('q', attnInput, rawQ);
      await linear('k', attnInput, rawK);
      await linear('v', attnInput, v);
    }
    if (norms.q) await this.#norm(rec, inRowsOf(rawQ, norms.q), norms.q, inRowsOf(q, norms.q));
    if (norms.k) await this.#norm(rec, inRowsOf(rawK, norms.k), norms.k, inRowsOf(k, norms.k));
    await this.#attend(rec, ws, run, spec, { q, k, v, mixed });
    await run.onInput?.('o', mixed);
    await finish('o', mixed, 'attnOut', x);

    let mlpInput = c.parallel ? x : y;
    if (norms.mlpIn) {
      await this.#norm(rec, mlpInput, norms.mlpIn, normed);
      mlpInput = normed;
    } else if (c.parallel) mlpInput = attnInput;
    await run.onInput?.('mlp', mlpInput);
    const gate = on(ws.gate);
    const up = on(ws.up);
    if (has('gateUp')) await split('gateUp', mlpInput, { gate, up: needed(up, 'up') });
    else {
      await linear(up ? 'gate' : 'up', mlpInput, gate);
      if (up) await linear('up', mlpInput, up);
    }
    await run.onGate?.(gate);
    await activate(rec, c.activation, gate, up ?? null);
    await run.onInput?.('down', gate);
    await finish('down', gate, 'mlpOut', y);
  }

  /** Positions, cache and attention: q, k and v of the new tokens -> mixed. */
  async #attend(
    rec: Recorder,
    ws: Workspace,
    run: BlockRun,
    spec: BlockSpec,
    acts: { q: Act; k: Act; v: Act; mixed: Act },
  ): Promise<void> {
    const c = this.config;
    const { q, k, v, mixed } = acts;
    const rows = run.sequences * run.length;
    const position = run.cache?.position ?? 0;
    for (const [act, heads] of [
      [q, c.heads],
      [k, c.kvHeads],
    ] as const)
      await this.rotate(rec, act, spec, {
        heads,
        length: run.length,
        position,
        cached: run.cache !== undefined,
      });
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
    const options = {
      ...this.attentionOptions(spec, run.sequences, run.length),
      keys,
      positionBegin: position,
    };
    await attention(rec, q, source.k, source.v, mixed, options, ws.scratch);
  }

  /** Turns queries or keys by their positions, in place; back again with `inverse`. */
  async rotate(
    rec: Recorder,
    x: Act,
    spec: BlockSpec,
    o: { heads: number; length: number; position?: number; cached?: boolean; inverse?: boolean },
  ): Promise<void> {
    const turn = spec.rope === null ? undefined : this.config.ropes[spec.rope];
    if (!turn) return;
    // A cache stays inside the original context, where one table serves all lengths.
    const table = this.#table(spec.rope ?? 0, o.cached ? 1 : o.length);
    await rope(rec, x, table, {
      heads: o.heads,
      headDim: this.config.headDim,
      rotaryDim: turn.dim,
      seqLength: o.length,
      positionBegin: o.position ?? 0,
      inverse: o.inverse,
    });
  }

  /** Attention of a block over whole sequences. */
  attentionOptions(spec: BlockSpec, sequences: number, length: number): AttentionOptions {
    const c = this.config;
    return {
      batch: sequences,
      queries: length,
      keys: length,
      heads: c.heads,
      kvHeads: c.kvHeads,
      headDim: c.headDim,
      positionBegin: 0,
      scale: spec.attentionScale,
      window: spec.window ?? 0,
      softcap: c.attentionSoftcap,
    };
  }

  /** Final norm of the rows of x into out. */
  async finalNorm(rec: Recorder, x: Act, out: Act): Promise<void> {
    await this.#norm(rec, x, this.model.finalNorm, out);
  }

  /** The model's factor and cap of the logits. */
  get logitOptions(): { scale: number; softcap: number } {
    return { scale: this.config.logitScale, softcap: this.config.logitSoftcap };
  }

  /** The dense view of a layer. */
  dense(layer: number): (name: string) => { weight: Weight } {
    return (name) => ({ weight: matrixOf(this.model, layer, name) });
  }

  async #norm(rec: Recorder, x: Act, norm: NormVectors, out: Act, residual?: Act): Promise<void> {
    const { kind, eps, offset } = this.config.norm;
    if (kind === 'rms') await rmsNorm(rec, x, norm.weight, out, { eps, offset, residual });
    else await layerNorm(rec, x, norm.weight, norm.bias, out, { eps, residual });
  }
}

function needed(act: Act | undefined, name: string): Act {
  if (!act) throw new Error(`the workspace has no ${name}`);
  return act;
}

/** The same values in rows as long as the norm's weight: one row for each head, or the whole width. */
export function inRowsOf(act: Act, norm: NormVectors): Act {
  const cols = norm.weight.length;
  return { ...act, rows: (act.rows * act.cols) / cols, cols };
}

export function partsOf(c: DecoderConfig, name: string): MatrixPart[] {
  return c.matrices.find((m) => m.name === name)?.parts ?? [];
}
