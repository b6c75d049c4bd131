/**
 * The way back through one block: from the gradient of its output to that of its input, and on the way the gradients of
 * its matrices. The block's inner activations are computed again from its input; nothing else is kept from the way there.
 */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { accumulate } from '../ops/accumulate';
import { activateBackward } from '../ops/activateBackward';
import { attentionBackward } from '../ops/attentionBackward';
import { matmul } from '../ops/matmul';
import { mergeColumns } from '../ops/mergeColumns';
import { normBackward } from '../ops/normBackward';
import { asWeight, transpose } from '../ops/transpose';
import type { Act } from '../ops/types';
import type { DecoderConfig } from './archs/define';
import { inRowsOf, partsOf, type Decoder, type Workspace } from './decoder';
import { isGated } from './workspaceShapes';
import type { NormVectors } from './load';

/** Hears of every matrix: the gradient of its outputs [rows, R] and its inputs [rows, C], in buffers that go on changing. */
export type OnMatrix = (name: string, dy: Act, x: Act) => Promise<void>;

/** Widths of what a way back holds for each token, besides a decoder's workspace. */
function widthsOf(c: DecoderConfig): Record<string, number> {
  const [width, kv] = [c.heads * c.headDim, c.kvHeads * c.headDim];
  const fused = Math.max(0, ...c.matrices.map((m) => (m.parts ? m.rows : 0)));
  return {
    // Kept from the way there, where the workspace overwrites it.
    attnInput: c.norms.attnIn === undefined ? 0 : c.hidden,
    middle: c.hidden,
    attnBranch: c.norms.attnOut === undefined ? 0 : c.hidden,
    gateIn: c.inner,
    // Gradients.
    dBranch: c.norms.attnOut === undefined && c.norms.mlpOut === undefined ? 0 : c.hidden,
    dGate: c.inner,
    dUp: isGated(c) ? c.inner : 0,
    dMlpInput: c.hidden,
    dMixed: width,
    dQ: width,
    dK: kv,
    dV: kv,
    dRawQ: c.norms.q === undefined ? 0 : width,
    dRawK: c.norms.k === undefined ? 0 : kv,
    dFused: fused,
    dAttnInput: c.hidden,
  };
}

/** Bytes of a BlockBackward per token. */
export function backwardBytesPerToken(c: DecoderConfig): number {
  return 4 * Object.values(widthsOf(c)).reduce((sum, cols) => sum + cols, 0);
}

export class BlockBackward {
  readonly #decoder: Decoder;
  readonly #acts = new Map<string, Act>();
  /** Every matrix turned round, f32 [inputs, outputs], of the layer in use. */
  readonly #turned = new Map<string, Act>();
  #layer = -1;

  /** For batches of up to `tokens`; the memory belongs to `scope`. */
  constructor(decoder: Decoder, scope: Scope, tokens: number) {
    this.#decoder = decoder;
    const { config } = decoder;
    for (const [name, cols] of Object.entries(widthsOf(config))) {
      if (cols === 0) continue;
      const buffer = scope.alloc(tokens * cols * 4, 'activations', `backward ${name}`);
      this.#acts.set(name, { buffer, rows: tokens, cols });
    }
    for (const m of config.matrices) {
      const buffer = scope.alloc(m.rows * m.cols * 4, 'scratch', `${m.name} turned`);
      this.#turned.set(m.name, { buffer, rows: m.cols, cols: m.rows });
    }
  }

  /** Makes `layer` the one that `run` goes through. */
  async use(rec: Recorder, layer: number): Promise<void> {
    const view = this.#decoder.dense(layer);
    for (const [name, out] of this.#turned) await transpose(rec, view(name).weight, out);
    this.#layer = layer;
  }

  /**
   * ws.x holds the block's input for `sequences` of `length` tokens, `gradient` the gradient of its output; it becomes that
   * of its input. Everything else in `ws` is overwritten.
   */
  async run(
    rec: Recorder,
    ws: Workspace,
    o: { sequences: number; length: number; gradient: Act; onMatrix: OnMatrix },
  ): Promise<void> {
    const decoder = this.#decoder;
    const c = decoder.config;
    const spec = c.blocks[this.#layer];
    const norms = decoder.model.layers[this.#layer]?.norms;
    if (!spec || !norms) throw new Error('no layer is in use');
    const rows = o.sequences * o.length;
    const of = (act: Act | undefined, name = ''): Act => {
      if (!act) throw new Error(`the workspace has no ${name}`);
      return { ...act, rows };
    };
    const own = (name: string): Act => of(this.#acts.get(name), name);
    const has = (name: string): boolean => c.matrices.some((m) => m.name === name);
    const copy = (from: Act, to: LabBuffer): void =>
      rec.copy(from.buffer, 0, to, 0, from.rows * from.cols * 4);

    await decoder.block(rec, ws, {
      layer: this.#layer,
      sequences: o.sequences,
      length: o.length,
      matrix: decoder.dense(this.#layer),
      onInput: (name, input) => {
        if (name === 'attn' && norms.attnIn) copy(input, own('attnInput').buffer);
        if (name === 'mlp') {
          copy(of(ws.y), own('middle').buffer);
          if (norms.attnOut) copy(of(ws.branch, 'branch'), own('attnBranch').buffer);
        }
        return Promise.resolve();
      },
      onGate: (gate) => copy(gate, own('gateIn').buffer),
    });

    const back = (x: Act, norm: NormVectors, dy: Act, dx: Act, accumulate: boolean): Promise<void> =>
      normBackward(rec, x, norm.weight, dy, dx, { ...c.norm, accumulate });
    /** The gradient of a matrix's input (added to dx, or in its place), and the matrix's own. */
    const linear = async (name: string, dy: Act, x: Act, dx: Act, accumulate = false): Promise<void> => {
      await o.onMatrix(name, dy, x);
      const turned = this.#turned.get(name);
      if (!turned) throw new Error(`there is no matrix ${name}`);
      await matmul(rec, dy, asWeight(turned), dx, { residual: accumulate ? dx : undefined });
    };
    /** Matrices that share an input: one fused matrix, or each for itself. */
    const inputs = async (fused: string, parts: Record<string, Act>, x: Act, dx: Act): Promise<void> => {
      if (!has(fused)) {
        for (const [i, [name, dy]] of Object.entries(parts).entries()) await linear(name, dy, x, dx, i > 0);
        return;
      }
      const cols = this.#turned.get(fused)?.cols ?? 0;
      const whole = { ...own('dFused'), cols };
      for (const part of partsOf(c, fused))
        await mergeColumns(rec, of(parts[part.name], part.name), whole, part);
      await linear(fused, whole, x, dx);
    };

    const g = { ...o.gradient, rows };
    const x = of(ws.x);
    const attnInput = norms.attnIn ? own('attnInput') : x;
    const middle = own('middle');
    const mlpFrom = c.parallel ? x : middle;
    const mlpInput = norms.mlpIn ? of(ws.normed) : c.parallel ? attnInput : middle;

    let dEnd = g;
    if (norms.mlpOut) {
      dEnd = own('dBranch');
      await back(of(ws.branch, 'branch'), norms.mlpOut, g, dEnd, false);
    }
    const [dGate, dMlpInput] = [own('dGate'), own('dMlpInput')];
    await linear('down', dEnd, of(ws.gate), dGate);
    const gated = isGated(c);
    const gate = gated ? { up: of(ws.up, 'up'), dUp: own('dUp') } : null;
    await activateBackward(rec, c.activation, own('gateIn'), dGate, gate);
    const mlpParts: Record<string, Act> = gate ? { gate: dGate, up: gate.dUp } : { up: dGate };
    await inputs('gateUp', mlpParts, mlpInput, dMlpInput);
    // In sequence the MLP's input lies behind attention, which therefore gets its gradient too.
    const behind = async (): Promise<void> => {
      if (norms.mlpIn) await back(mlpFrom, norms.mlpIn, dMlpInput, g, true);
      else if (!c.parallel) await accumulate(rec, dMlpInput, g);
    };
    if (!c.parallel) await behind();

    dEnd = g;
    if (norms.attnOut) {
      dEnd = own('dBranch');
      await back(own('attnBranch'), norms.attnOut, g, dEnd, false);
    }
    const [dMixed, dQ, dK, dV] = [own('dMixed'), own('dQ'), own('dK'), own('dV')];
    await linear('o', dEnd, of(ws.mixed), dMixed);
    await attentionBackward(
      rec,
      { q: of(ws.q), k: of(ws.k), v: of(ws.v) },
      dMixed,
      { q: dQ, k: dK, v: dV },
      decoder.attentionOptions(spec, o.sequences, o.length),
      ws.scratch,
    );
    const turnBack = { length: o.length, inverse: true };
    await decoder.rotate(rec, dQ, spec, { heads: c.heads, ...turnBack });
    await decoder.rotate(rec, dK, spec, { heads: c.kvHeads, ...turnBack });
    const unnormed = async (name: 'Q' | 'K', raw: Act | undefined, dy: Act): Promise<Act> => {
      const norm = norms[name === 'Q' ? 'q' : 'k'];
      if (!norm) return dy;
      const dx = own(`dRaw${name}`);
      const heads = (act: Act): Act => inRowsOf(act, norm);
      await back(heads(of(raw, `raw${name}`)), norm, heads(dy), heads(dx), false);
      return dx;
    };
    const parts = { q: await unnormed('Q', ws.rawQ, dQ), k: await unnormed('K', ws.rawK, dK), v: dV };
    const dAttnInput = own('dAttnInput');
    await inputs('qkv', parts, attnInput, dAttnInput);
    if (c.parallel) {
      await behind();
      if (!norms.mlpIn) await accumulate(rec, dMlpInput, dAttnInput);
    }
    if (norms.attnIn) await back(x, norms.attnIn, dAttnInput, g, true);
    else await accumulate(rec, dAttnInput, g);
  }
}
