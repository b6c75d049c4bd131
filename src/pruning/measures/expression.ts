/**
 * Expressions of DSA, `W:(ABSLOG)-(VAR)-(ATAN,ASIN)-(7)`: operations on every score, one reduction to a number,
 * operations on that number. The fourth part is read and means nothing, as in the published code.
 */
import { LabError } from '../../core/errors';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const each =
  (f: (x: number) => number) =>
  (values: Float64Array): void => {
    for (let i = 0; i < values.length; i++) values[i] = f(values[i] as number);
  };

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Unbiased. */
function variance(values: Float64Array): number {
  const middle = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - middle) ** 2;
  return sum / (values.length - 1);
}

function zScores(values: Float64Array): void {
  const middle = mean(values);
  const deviation = Math.sqrt(variance(values));
  for (let i = 0; i < values.length; i++) {
    const z = ((values[i] as number) - middle) / deviation;
    values[i] = Number.isNaN(z) ? 0 : z;
  }
}

function minMax(values: Float64Array): void {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] as number) - low) / (high - low);
}

/** In place. */
const PRE = {
  NO_OP: () => undefined,
  ABS: each(Math.abs),
  LOG: each((x) => Math.log((x <= 0 ? 1 : x) + 1e-6)),
  ABSLOG: each((x) => (x === 0 ? 0 : Math.log(Math.abs(x)))),
  POW: each((x) => x * x),
  EXP: each(Math.exp),
  NORMALIZE: zScores,
  SIGMOID: each(sigmoid),
  TANH: each(Math.tanh),
  MMS: minMax,
} satisfies Record<string, (values: Float64Array) => void>;

function entropy(values: Float64Array): number {
  let sum = 0;
  for (const value of values) if (value >= 0) sum += value;
  let out = 0;
  for (const value of values) if (value > 0) out -= (value / sum) * Math.log(value / sum);
  return out;
}

function sumOf(values: Float64Array, f: (x: number) => number): number {
  let sum = 0;
  for (const value of values) sum += f(value);
  return sum;
}

/** Those that work on a vector. NO_OP keeps it; what is not a number at the end is averaged. */
const REDUCE = {
  NO_OP: null,
  FROBENIUS_NORM: (v) => Math.sqrt(sumOf(v, (x) => x * x)),
  L1_NORM: (v) => sumOf(v, Math.abs) / v.length,
  GEOMETRIC_MEAN: (v) => Math.exp(sumOf(v, Math.log) / v.length),
  MEAN: mean,
  VAR: variance,
  STD: (v) => Math.sqrt(variance(v)),
  ENTROPY: entropy,
} satisfies Record<string, ((values: Float64Array) => number) | null>;

const POST = {
  NO_OP: (x) => x,
  SIN: Math.sin,
  COS: Math.cos,
  TAN: Math.tan,
  ASIN: Math.asin,
  ACOS: Math.acos,
  ATAN: Math.atan,
  EXP: Math.exp,
  LOG: Math.log,
  ABS: Math.abs,
  SIGMOID: sigmoid,
  TANH: Math.tanh,
  SOFTPLUS: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
} satisfies Record<string, (x: number) => number>;

export type PreOp = keyof typeof PRE;
export type ReduceOp = keyof typeof REDUCE;
export type PostOp = keyof typeof POST;

export const PRE_OPS = Object.keys(PRE) as PreOp[];
export const REDUCE_OPS = Object.keys(REDUCE) as ReduceOp[];
export const POST_OPS = Object.keys(POST) as PostOp[];

export interface Expression {
  pre: PreOp[];
  reduce: ReduceOp;
  post: PostOp[];
}

/** What DSA publishes as its best, and the same without ASIN, which is not defined above tan 1. */
export const PUBLISHED: Expression = { pre: ['ABSLOG'], reduce: 'VAR', post: ['ATAN', 'ASIN'] };
export const SAFE: Expression = { pre: ['ABSLOG'], reduce: 'VAR', post: ['ATAN'] };

/** `(ABSLOG)-(VAR)-(ATAN,ASIN)`. */
export function formatExpression({ pre, reduce, post }: Expression): string {
  return `(${pre.join(',')})-(${reduce})-(${post.join(',')})`;
}

/** With or without `W:` in front and a fourth part. SpecError names what is not known. */
export function parseExpression(text: string): Expression {
  const parts = /^(?:W:)?\(([A-Z1_,]*)\)-\(([A-Z1_]+)\)-\(([A-Z1_,]*)\)(?:-\(\d+\))?$/.exec(text.trim());
  const list = (part = ''): string[] => part.split(',').filter((op) => op !== '');
  const known = <T extends string>(ops: readonly T[], op: string): T => {
    const found = ops.find((o) => o === op);
    if (found === undefined) throw illegal(`There is no operation "${op.slice(0, 40)}" at this place.`, ops);
    return found;
  };
  if (!parts) throw illegal(`"${text.slice(0, 80)}" is not an expression.`, ['(ABSLOG)-(VAR)-(ATAN)']);
  return {
    pre: list(parts[1]).map((op) => known(PRE_OPS, op)),
    reduce: known(REDUCE_OPS, parts[2] ?? ''),
    post: list(parts[3]).map((op) => known(POST_OPS, op)),
  };
}

function illegal(message: string, known: readonly string[]): LabError {
  return new LabError('SpecError', message, `Use for example ${known.join(', ')}.`);
}

/** What becomes of a block's reduced value: NaN counts as 0, an infinity as -1. */
export function afterwards(post: readonly PostOp[], reduced: number): number {
  const value = post.reduce((x, op) => POST[op](x), reduced);
  return Number.isNaN(value) ? 0 : Number.isFinite(value) ? value : -1;
}

/** Value of the expression over the scores of one block, always finite. */
export function evaluate({ pre, reduce, post }: Expression, scores: ArrayLike<number>): number {
  const values = Float64Array.from(scores);
  for (const op of pre) PRE[op](values);
  const f = REDUCE[reduce];
  if (f) return afterwards(post, f(values));
  for (const op of post) each(POST[op])(values);
  return afterwards([], mean(values));
}
