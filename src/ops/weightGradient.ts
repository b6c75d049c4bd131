import type { Recorder } from '../gpu/recorder';
import { accumulate } from './accumulate';
import { checkAct, require } from './check';
import { matmul } from './matmul';
import { asWeight, transpose } from './transpose';
import type { Act } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export interface WeightGradientOptions {
  /** 'sum': the gradient is added. 'squares': each sequence's gradient is squared, element by element, then added. */
  kind: 'sum' | 'squares';
  /** Tokens of a sequence; rows are whole sequences. */
  length: number;
  /** Bound of one piece of a gradient; tests lower it. */
  scratchBytes?: number;
}

/**
 * total [R, C] += the gradient dYᵀ X of a weight W [R, C] in y = x Wᵀ (or its square, by sequences). dy [rows, R] is the
 * gradient of the outputs, x [rows, C] what went in.
 */
export async function weightGradient(
  rec: Recorder,
  dy: Act,
  x: Act,
  total: Act,
  workspace: Workspace,
  { kind, length, scratchBytes = SCRATCH_BYTES }: WeightGradientOptions,
): Promise<void> {
  const op = 'weightGradient';
  const { rows } = x;
  const [outputs, inputs] = [dy.cols, x.cols];
  checkAct(op, 'dy', dy, { rows });
  checkAct(op, 'x', x);
  checkAct(op, 'total', total, { rows: outputs, cols: inputs });
  require(length > 0 && rows % length === 0, op, `${rows} rows in sequences of ${length}`);
  const step = kind === 'sum' ? rows : length;
  // Whole vec4; the columns beyond the tokens are 0 and add nothing.
  const cols = Math.ceil(step / 4) * 4;
  const turned = (name: string, height: number): Act => ({
    buffer: workspace.buffer(rec, name, height * cols * 4),
    rows: height,
    cols,
  });
  const [dyT, xT] = [turned('outputs turned', outputs), turned('inputs turned', inputs)];
  const bandRows = Math.min(outputs, Math.max(1, Math.floor(scratchBytes / (inputs * 4))));
  for (let begin = 0; begin < rows; begin += step) {
    await transpose(rec, asWeight(dy), dyT, { rowBegin: begin, rows: step });
    await transpose(rec, asWeight(x), xT, { rowBegin: begin, rows: step });
    if (kind === 'sum') {
      await matmul(rec, dyT, asWeight(xT), total, { residual: total });
      continue;
    }
    const buffer = workspace.buffer(rec, 'gradient', bandRows * inputs * 4);
    for (let rowBegin = 0; rowBegin < outputs; rowBegin += bandRows) {
      const band = { buffer, rows: Math.min(bandRows, outputs - rowBegin), cols: inputs };
      await matmul(rec, dyT, asWeight(xT), band, { rowBegin, rows: band.rows });
      await accumulate(rec, band, total, { rowBegin, squared: true });
    }
  }
}
