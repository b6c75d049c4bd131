/**
 * The language of pruning metrics of Pruner-Zero (arXiv 2406.02924): trees over the matrices W (weights, as |W|), G
 * (gradients) and X (energies of the input channels, the same in every row), written as calls: mul(abs(mul(W,W)),minmax(G)).
 */
import { LabError } from '../../core/errors';

export const TERMINALS = ['W', 'G', 'X'] as const;
export type Terminal = (typeof TERMINALS)[number];

/**
 * log: log(|x| + 1e-3); exp: of at most 100; sqrt: of |x|; pow2: as sqr, a second name in the language; skip: x itself;
 * minmax: (x - min) / (max - min) over the matrix, zscore: (x - mean) / standard deviation; both 0 where all are equal.
 */
export const UNARY = [
  'sqr',
  'neg',
  'abs',
  'log',
  'exp',
  'sqrt',
  'tanh',
  'pow2',
  'skip',
  'minmax',
  'zscore',
] as const;
export type Unary = (typeof UNARY)[number];

/** div: x / the Frobenius norm of y. */
export const BINARY = ['add', 'sub', 'mul', 'div'] as const;
export type Binary = (typeof BINARY)[number];

export type Expression =
  Terminal | { op: Unary; of: Expression } | { op: Binary; left: Expression; right: Expression };

/** The best metric that the paper found. */
export const PUBLISHED = 'mul(abs(mul(W,W)),minmax(G))';

/** Operators above the deepest terminal. Searched trees have 2 to 4; what a user writes may be as deep as MAX_DEPTH. */
export function depthOf(e: Expression): number {
  if (typeof e === 'string') return 0;
  return 1 + ('of' in e ? depthOf(e.of) : Math.max(depthOf(e.left), depthOf(e.right)));
}

export const SEARCH_DEPTH = { min: 2, max: 4 } as const;
const MAX_DEPTH = 12;
const MAX_LENGTH = 1000;

export function printExpression(e: Expression): string {
  if (typeof e === 'string') return e;
  return 'of' in e
    ? `${e.op}(${printExpression(e.of)})`
    : `${e.op}(${printExpression(e.left)},${printExpression(e.right)})`;
}

/** Whether the value depends on a matrix. */
export function uses(e: Expression, terminal: Terminal): boolean {
  if (typeof e === 'string') return e === terminal;
  return 'of' in e ? uses(e.of, terminal) : uses(e.left, terminal) || uses(e.right, terminal);
}

/** SpecError with the place of what is wrong. Spaces do not matter. */
export function parseExpression(text: string): Expression {
  const fail = (at: number, problem: string): never => {
    throw new LabError(
      'SpecError',
      `The metric "${text.slice(0, 80)}" cannot be read: ${problem} at character ${at + 1}.`,
      `Write calls such as ${PUBLISHED}. Matrices: ${TERMINALS.join(' ')}; of one: ${UNARY.join(' ')}; of two: ${BINARY.join(' ')}.`,
    );
  };
  if (text.length > MAX_LENGTH) fail(MAX_LENGTH, `more than ${MAX_LENGTH} characters`);
  let at = 0;
  const space = (): void => {
    while (text[at] === ' ') at++;
  };
  const expect = (wanted: string): void => {
    space();
    if (text[at] !== wanted) fail(at, `"${wanted}" is missing`);
    at++;
    space();
  };
  const read = (depth: number): Expression => {
    space();
    const begin = at;
    const name = /^[A-Za-z]\w*/.exec(text.slice(at))?.[0] ?? '';
    if (name === '') fail(at, 'a name is missing');
    if (depth > MAX_DEPTH) fail(at, `more than ${MAX_DEPTH} levels`);
    at += name.length;
    const terminal = TERMINALS.find((t) => t === name);
    if (terminal) return terminal;
    const unary = UNARY.find((op) => op === name);
    const binary = BINARY.find((op) => op === name);
    if (!unary && !binary) fail(begin, `"${name.slice(0, 20)}" is unknown`);
    expect('(');
    const first = read(depth + 1);
    if (unary) {
      expect(')');
      return { op: unary, of: first };
    }
    expect(',');
    const right = read(depth + 1);
    expect(')');
    return { op: binary ?? 'add', left: first, right };
  };
  const out = read(0);
  space();
  if (at < text.length) fail(at, `"${text.slice(at, at + 10)}" is left over`);
  return out;
}
