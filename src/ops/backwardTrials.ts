/** One case of each op of the way back against its f64 reference: for the tests and the self-test. Throws when wrong. */
import type { FloatDtype } from '../core/dtypes';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { accumulate } from './accumulate';
import type { Activation } from './activate';
import { activateRef } from './activate.ref';
import { activateBackward } from './activateBackward';
import { activateBackwardRef } from './activateBackward.ref';
import type { AttentionOptions } from './attention';
import { attentionBackward } from './attentionBackward';
import { attentionBackwardRef } from './attentionBackward.ref';
import { expectClose } from './compare';
import { UNSCORED } from './headLoss';
import { headLossRef } from './headLoss.ref';
import { headLossBackward, type HeadLossBackwardOptions } from './headLossBackward';
import { headLossBackwardRef } from './headLossBackward.ref';
import { matmulRef } from './matmul.ref';
import { mergeColumns } from './mergeColumns';
import { normBackward, type NormBackwardOptions } from './normBackward';
import { normBackwardRef } from './normBackward.ref';
import { softcapRef } from './softcap.ref';
import type { SplitColumnsOptions } from './splitColumns';
import { splitColumnsRef } from './splitColumns.ref';
import { OP_TOLERANCE } from './tolerances';
import { transpose } from './transpose';
import { normals, poisonedAct, readAct, upload, uploadAct, uploadVec, uploadWeight } from './trial';
import type { Act } from './types';
import { weightGradient, type WeightGradientOptions } from './weightGradient';
import type { Workspace } from './workspace';

export interface TrialRig {
  ctx: GpuContext;
  rec: Recorder;
  scope: Scope;
  workspace: Workspace;
}

/** An output that holds `values` already, with poison behind its end. */
function filledAct(rig: TrialRig, values: Float32Array, cols: number): Act {
  const act = poisonedAct(rig, values.length / cols, cols);
  rig.rec.write(act.buffer, 0, values);
  return act;
}

export async function tryTranspose(
  rig: TrialRig,
  o: {
    rows: number;
    cols: number;
    dtype: FloatDtype;
    outCols: number;
    shardRows?: number;
    rowBegin?: number;
  },
): Promise<void> {
  const { rows, cols, outCols, rowBegin = 0 } = o;
  const w = uploadWeight(rig, normals(rows * cols, 50), cols, o.dtype, o.shardRows);
  const out = poisonedAct(rig, cols, outCols);
  await transpose(rig.rec, w.weight, out, { rowBegin, rows: Math.min(outCols, rows - rowBegin) });
  const want = Float64Array.from({ length: cols * outCols }, (_, i) => {
    const row = rowBegin + (i % outCols);
    return row < rows ? (w.values[row * cols + Math.floor(i / outCols)] ?? NaN) : 0;
  });
  expectClose(await readAct(rig, out), want, () => 0, JSON.stringify(o));
}

export async function tryAccumulate(
  rig: TrialRig,
  rows: number,
  cols: number,
  squared: boolean,
): Promise<void> {
  const [x, before] = [normals(rows * cols, 51), normals((rows + 2) * cols, 52)];
  const out = filledAct(rig, before, cols);
  await accumulate(rig.rec, uploadAct(rig, x, cols), out, { rowBegin: 1, squared });
  const added = (i: number): number => {
    const value = i >= cols && i < (rows + 1) * cols ? (x[i - cols] ?? NaN) : 0;
    return squared ? value * value : value;
  };
  const want = Float64Array.from(before, (value, i) => value + added(i));
  const bound = (i: number): number =>
    OP_TOLERANCE.accumulate(1, Math.abs(before[i] ?? NaN) + Math.abs(added(i)));
  expectClose(await readAct(rig, out), want, bound);
}

export async function tryMergeColumns(
  rig: TrialRig,
  rows: number,
  cols: number,
  outCols: number,
  o: SplitColumnsOptions,
): Promise<void> {
  const [x, before] = [normals(rows * cols, 53), normals(rows * outCols, 54)];
  const out = filledAct(rig, before, outCols);
  await mergeColumns(rig.rec, uploadAct(rig, x, cols), out, o);
  const got = await readAct(rig, out);
  expectClose(Float32Array.from(splitColumnsRef(got, outCols, cols, o)), Float64Array.from(x), () => 0);
  const changed = got.reduce((count, value, i) => count + (value === before[i] ? 0 : 1), 0);
  if (changed !== rows * cols) throw new Error(`${changed} values changed instead of ${rows * cols}.`);
}

export async function tryNormBackward(
  rig: TrialRig,
  rows: number,
  cols: number,
  o: NormBackwardOptions,
  mean = 0,
): Promise<void> {
  const x = normals(rows * cols, 55, 2).map((v) => v + mean);
  const [weight, dy, before] = [normals(cols, 56), normals(rows * cols, 57), normals(rows * cols, 58)];
  const dx = filledAct(rig, before, cols);
  await normBackward(
    rig.rec,
    uploadAct(rig, x, cols),
    uploadVec(rig, weight),
    uploadAct(rig, dy, cols),
    dx,
    o,
  );
  const ref = normBackwardRef(x, weight, dy, o);
  const want = ref.values.map((value, i) => value + (o.accumulate ? (before[i] ?? NaN) : 0));
  const bound = (i: number, value: number): number => OP_TOLERANCE.normBackward(ref.at(i), value);
  expectClose(await readAct(rig, dx), want, bound, JSON.stringify({ rows, cols, ...o }));
}

export async function tryActivateBackward(
  rig: TrialRig,
  kind: Activation,
  rows: number,
  cols: number,
  gated: boolean,
): Promise<void> {
  const count = rows * cols;
  // Far out too, where exp ends.
  const x = normals(count, 59, 3).map((v, i) => (i % 7 === 3 ? 8 * v : v));
  const [dy, up] = [normals(count, 60), gated ? normals(count, 61) : new Float32Array(count).fill(1)];
  const [dx, dUp] = [filledAct(rig, dy, cols), poisonedAct(rig, rows, cols)];
  const gate = gated ? { up: uploadAct(rig, up, cols), dUp } : null;
  await activateBackward(rig.rec, kind, uploadAct(rig, x, cols), dx, gate);
  const ref = activateBackwardRef(kind, x, up, dy);
  const input = (i: number): number =>
    Math.abs((dy[i] ?? NaN) * (up[i] ?? NaN)) * (1 + Math.abs(x[i] ?? NaN));
  const bound = (i: number): number =>
    OP_TOLERANCE.activateBackward(ref.exponents[i] ?? NaN, ref.sizes[i] ?? NaN, input(i));
  expectClose(await readAct(rig, dx), ref.dx, bound, kind);
  if (!gated) return;
  const forward = activateRef(kind, x, dy);
  const tolerance = (i: number, value: number): number =>
    OP_TOLERANCE.activate(
      forward.exponents[i] ?? NaN,
      forward.tails[i] ?? NaN,
      value,
      forward.inputs[i] ?? NaN,
    );
  expectClose(await readAct(rig, dUp), ref.dUp, tolerance, `${kind}, up`);
}

export async function tryAttentionBackward(
  rig: TrialRig,
  shape: Omit<AttentionOptions, 'scale' | 'keys' | 'positionBegin'>,
): Promise<void> {
  const { batch, queries, heads, kvHeads, headDim } = shape;
  const options = { ...shape, keys: queries, positionBegin: 0, scale: headDim ** -0.5 };
  const [width, kv] = [heads * headDim, kvHeads * headDim];
  const rows = batch * queries;
  const [q, k, v] = [normals(rows * width, 62), normals(rows * kv, 63), normals(rows * kv, 64)];
  const dOut = normals(rows * width, 65);
  // Scores that nobody computed must not be read.
  for (const name of ['tile', 'tile gradient', 'tile uncapped']) {
    const scores = rig.workspace.buffer(rig.rec, name, batch * heads * queries * (queries + 3) * 4);
    rig.rec.write(scores, 0, new Float32Array(scores.bytes / 4).fill(NaN));
  }
  const gradients = {
    q: poisonedAct(rig, rows, width),
    k: poisonedAct(rig, rows, kv),
    v: poisonedAct(rig, rows, kv),
  };
  const inputs = { q: uploadAct(rig, q, width), k: uploadAct(rig, k, kv), v: uploadAct(rig, v, kv) };
  await attentionBackward(rig.rec, inputs, uploadAct(rig, dOut, width), gradients, options, rig.workspace);
  const ref = attentionBackwardRef(q, k, v, dOut, options);
  for (const name of ['q', 'k', 'v'] as const) {
    const bound = (i: number): number => ref.bounds[name][i] ?? NaN;
    expectClose(await readAct(rig, gradients[name]), ref[name], bound, `${name} ${JSON.stringify(shape)}`);
  }
}

export async function tryHeadLossBackward(
  rig: TrialRig,
  o: HeadLossBackwardOptions & {
    rows: number;
    vocab: number;
    k: number;
    dtype?: FloatDtype;
    shardRows?: number;
  },
): Promise<void> {
  const { rows, vocab, k } = o;
  const x = normals(rows * k, 66);
  const w = uploadWeight(rig, normals(vocab * k, 67), k, o.dtype ?? 'F32', o.shardRows);
  // The first and the last entry of the vocabulary are among the targets, and one row is not scored.
  const targets = Uint32Array.from({ length: rows }, (_, r) =>
    r === 0 ? vocab - 1 : r === 1 ? 0 : r === 2 ? UNSCORED : (r * 7919) % vocab,
  );
  const losses = upload(rig, new Float32Array(rows + 16).fill(NaN));
  const dx = poisonedAct(rig, rows, k);
  await headLossBackward(
    rig.rec,
    uploadAct(rig, x, k),
    w.weight,
    upload(rig, targets),
    losses,
    dx,
    rig.workspace,
    o,
  );
  const raw = matmulRef(x, w.values, k);
  const ref = headLossBackwardRef(raw, w.values, k, targets, o);
  expectClose(await readAct(rig, dx), ref.dx, (i) => ref.bounds[i] ?? NaN, JSON.stringify(o));
  const logits = softcapRef(raw.values, o);
  const bound = (r: number): number => {
    const of = logits.subarray(r * vocab, (r + 1) * vocab);
    const magnitude = Math.max(...raw.magnitudes.subarray(r * vocab, (r + 1) * vocab)) * (o.scale ?? 1);
    return OP_TOLERANCE.headLoss(k, vocab, magnitude, Math.max(...of) - Math.min(...of), !!o.softcap);
  };
  const want = headLossRef(logits, vocab, targets);
  expectClose(await readAct(rig, { buffer: losses, rows, cols: 1 }), want, bound, 'losses');
}

export async function tryWeightGradient(
  rig: TrialRig,
  o: WeightGradientOptions & { sequences: number; outputs: number; inputs: number },
): Promise<void> {
  const { sequences, length, outputs, inputs } = o;
  const rows = sequences * length;
  const [dy, x, before] = [
    normals(rows * outputs, 68),
    normals(rows * inputs, 69),
    normals(outputs * inputs, 70),
  ];
  const total = filledAct(rig, before.map(Math.abs), inputs);
  await weightGradient(
    rig.rec,
    uploadAct(rig, dy, outputs),
    uploadAct(rig, x, inputs),
    total,
    rig.workspace,
    o,
  );
  const want = Float64Array.from(before, Math.abs);
  const first = new Float64Array(want.length);
  const columns = (of: Float32Array, cols: number, begin: number, count: number): Float32Array =>
    Float32Array.from(
      { length: cols * count },
      (_, i) => of[(begin + (i % count)) * cols + Math.floor(i / count)] ?? 0,
    );
  const step = o.kind === 'sum' ? rows : length;
  for (let begin = 0; begin < rows; begin += step) {
    const { values, magnitudes } = matmulRef(
      columns(dy, outputs, begin, step),
      columns(x, inputs, begin, step),
      step,
    );
    values.forEach((g, i) => {
      const error = OP_TOLERANCE.matmul(
        step,
        (magnitudes[i] ?? NaN) + (o.kind === 'sum' ? (want[i] ?? NaN) : 0),
      );
      first[i] = (first[i] ?? NaN) + (o.kind === 'sum' ? error : 2 * Math.abs(g) * error + error * error);
      want[i] = (want[i] ?? NaN) + (o.kind === 'sum' ? g : g * g);
    });
  }
  const bound = (i: number, value: number): number =>
    OP_TOLERANCE.squaredGradient(sequences, first[i] ?? NaN, Math.abs(value));
  expectClose(await readAct(rig, total), want, bound, JSON.stringify(o));
}
