/** Values of metric expressions over one matrix, in f64. */
import type { Pace } from '../pruners/define';
import type { Binary, Expression, Terminal, Unary } from './expressions';

/** What the terminals stand for: W and G [R, C], X [C]. Those that the expression uses are there. */
export interface Operands {
  cols: number;
  values: Partial<Record<Terminal, Float32Array>>;
}

/** Every entry of the matrix, row-major [R, C]. NaN where an operation has no value. */
export async function evaluate(
  e: Expression,
  { cols, values }: Operands,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  const size = values.W?.length ?? values.G?.length ?? 0;
  const walk = async (at: Expression): Promise<Float64Array<ArrayBuffer>> => {
    await pace.breathe();
    if (typeof at === 'string') {
      const of = values[at];
      if (!of) throw new Error(`there is no ${at}`);
      if (at === 'X') return Float64Array.from({ length: size }, (_, i) => of[i % cols] ?? NaN);
      return at === 'W' ? Float64Array.from(of, Math.abs) : Float64Array.from(of);
    }
    if ('of' in at) return applyUnary(at.op, await walk(at.of));
    const left = await walk(at.left);
    return applyBinary(at.op, left, await walk(at.right));
  };
  return walk(e);
}

const LEAST_LOG = 1e-3;
const MOST_EXP = 100;

const EACH: Partial<Record<Unary, (x: number) => number>> = {
  sqr: (x) => x * x,
  pow2: (x) => x * x,
  neg: (x) => -x,
  abs: Math.abs,
  log: (x) => Math.log(Math.abs(x) + LEAST_LOG),
  exp: (x) => Math.exp(Math.min(x, MOST_EXP)),
  sqrt: (x) => Math.sqrt(Math.abs(x)),
  tanh: Math.tanh,
};

/** In place. */
function applyUnary(op: Unary, x: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const f = EACH[op];
  if (f) for (let i = 0; i < x.length; i++) x[i] = f(x[i] as number);
  else if (op === 'minmax') {
    let [low, high] = [Infinity, -Infinity];
    for (const value of x) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    shift(x, low, high - low);
  } else if (op === 'zscore') {
    let sum = 0;
    for (const value of x) sum += value;
    const mean = sum / x.length;
    let squares = 0;
    for (const value of x) squares += (value - mean) ** 2;
    shift(x, mean, Math.sqrt(squares / (x.length - 1)));
  }
  return x;
}

/** (x - from) / by; 0 where `by` is 0: a matrix of equal values says nothing. */
function shift(x: Float64Array, from: number, by: number): void {
  for (let i = 0; i < x.length; i++) x[i] = by === 0 ? 0 : ((x[i] as number) - from) / by;
}

/** Into x. */
function applyBinary(op: Binary, x: Float64Array<ArrayBuffer>, y: Float64Array): Float64Array<ArrayBuffer> {
  if (op === 'div') {
    let squares = 0;
    for (const value of y) squares += value * value;
    const norm = Math.sqrt(squares);
    for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) / norm;
  } else if (op === 'mul') for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) * (y[i] as number);
  else {
    const sign = op === 'add' ? 1 : -1;
    for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) + sign * (y[i] as number);
  }
  return x;
}
