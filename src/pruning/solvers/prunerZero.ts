/** Scores by a metric expression, compared inside each row (Dong et al., Pruner-Zero, arXiv 2406.02924). */
import { selectGroupsCpu, selectRowsCpu } from '../../ops/selectCpu';
import type { Choose, MatrixJob } from '../pruners/define';
import { bytesOf, statistic, zerosByRow } from './common';
import { parseExpression, uses, type Expression } from './expressions';
import { evaluate, type Operands } from './expressionValues';

export const prune: Choose = async (job) => {
  const { rows, cols, pattern, weights, params, statistics, tensor } = job;
  let expression = parseExpression(String(params['expression']));
  const values: Operands['values'] = { W: weights };
  if (uses(expression, 'X')) values.X = statistic(statistics.norms, job, 'norms').map((norm) => norm * norm);
  if (uses(expression, 'G')) {
    values.G = statistic(statistics.gradient, job, 'gradient');
    if (values.G.every((g) => g === 0)) {
      job.warn(`${tensor}: its gradient is zero everywhere; the squares of the weights decide instead.`);
      expression = { op: 'sqr', of: 'W' };
    }
  }
  const bytes = bytesOf(await scoresOf(job, expression, values));
  const kept =
    pattern === 'free'
      ? selectRowsCpu(bytes, 'F32', rows, cols, null, zerosByRow(job))
      : selectGroupsCpu(bytes, 'F32', rows, cols, null, pattern);
  return { kept };
};

const MOST_F32 = 3e38;

/** The metric as scores that the selection can compare: f32 and not negative, in the order of the metric; NaN stays. */
async function scoresOf(
  { rows, cols, pace }: MatrixJob,
  expression: Expression,
  values: Operands['values'],
): Promise<Float32Array<ArrayBuffer>> {
  const metric = await evaluate(expression, { cols, values }, pace);
  let [lowest, highest] = [0, 0];
  for (const value of metric) {
    if (value < lowest) lowest = value;
    if (value > highest && value < Infinity) highest = value;
  }
  if (lowest < 0) {
    const out = new Float32Array(rows * cols);
    for (let r = 0; r < rows; r++) {
      rankRow(metric.subarray(r * cols, (r + 1) * cols), out.subarray(r * cols, (r + 1) * cols));
      if (r % 64 === 63) await pace.breathe();
    }
    return out;
  }
  // A power of two leaves the order as it is.
  const factor = highest > MOST_F32 ? 2 ** -Math.ceil(Math.log2(highest / MOST_F32)) : 1;
  return Float32Array.from(metric, (value) => value * factor);
}

/** Ranks from 0, equal values alike: comparisons never leave a row. */
function rankRow(values: Float64Array, out: Float32Array): void {
  // Typed arrays sort NaN last, and -0 before 0, which are equal here.
  const distinct = values.map((value) => value + 0).sort();
  let count = 0;
  for (const value of distinct) if (count === 0 || value !== distinct[count - 1]) distinct[count++] = value;
  const known = distinct.subarray(0, count);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) {
      out[i] = NaN;
      return;
    }
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((known[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    out[i] = low;
  });
}
