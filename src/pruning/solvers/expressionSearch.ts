/** Random metric expressions, and the operations of genetic programming on them. Everything follows from the generator. */
import type { Rng } from '../../core/rng';
import {
  BINARY,
  depthOf,
  printExpression,
  SEARCH_DEPTH,
  UNARY,
  uses,
  type Expression,
  type Terminal,
} from './expressions';

const pick = <T>(rng: Rng, list: readonly [T, ...T[]] | readonly T[]): T => {
  const found = list[rng.below(list.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
};

/** A tree of at most `depth` levels of operators; of exactly that many along one branch where `full`. */
export function randomExpression(
  rng: Rng,
  terminals: readonly Terminal[],
  depth: number,
  full = true,
): Expression {
  if (depth === 0 || (!full && rng.float() < 0.3)) return pick(rng, terminals);
  if (rng.float() < 0.5)
    return { op: pick(rng, UNARY), of: randomExpression(rng, terminals, depth - 1, full) };
  const fullLeft = rng.float() < 0.5;
  return {
    op: pick(rng, BINARY),
    left: randomExpression(rng, terminals, depth - 1, full && fullLeft),
    right: randomExpression(rng, terminals, depth - 1, full && !fullLeft),
  };
}

/** Every subtree, the whole first. */
function subtrees(e: Expression): Expression[] {
  if (typeof e === 'string') return [e];
  return [e, ...('of' in e ? subtrees(e.of) : [...subtrees(e.left), ...subtrees(e.right)])];
}

/** A copy whose subtree number `at` (in the order of subtrees) is another. */
function replaced(e: Expression, at: number, by: Expression): Expression {
  if (at === 0) return by;
  if (typeof e === 'string') return e;
  if ('of' in e) return { ...e, of: replaced(e.of, at - 1, by) };
  const left = subtrees(e.left).length;
  return at <= left
    ? { ...e, left: replaced(e.left, at - 1, by) }
    : { ...e, right: replaced(e.right, at - 1 - left, by) };
}

/** A subtree of `a` gives way to one of `b`. */
export function crossover(rng: Rng, a: Expression, b: Expression): Expression {
  return replaced(a, rng.below(subtrees(a).length), pick(rng, subtrees(b)));
}

/** One operator or terminal becomes another, or one subtree a new one. */
export function mutate(rng: Rng, e: Expression, terminals: readonly Terminal[]): Expression {
  const all = subtrees(e);
  const at = rng.below(all.length);
  const old = all[at] ?? e;
  if (rng.float() < 0.5) return replaced(e, at, randomExpression(rng, terminals, 1 + rng.below(2), false));
  const other =
    typeof old === 'string'
      ? pick(rng, terminals)
      : 'of' in old
        ? { ...old, op: pick(rng, UNARY) }
        : { ...old, op: pick(rng, BINARY) };
  return replaced(e, at, other);
}

const SIMPLER: Record<string, readonly string[]> = {
  // Outer: inner operations after which it does nothing, or that it undoes.
  abs: ['abs', 'sqr', 'pow2', 'sqrt', 'exp', 'neg'],
  neg: ['neg'],
  sqr: ['neg', 'abs', 'sqrt'],
  pow2: ['neg', 'abs', 'sqrt'],
  sqrt: ['neg', 'abs', 'sqr', 'pow2'],
  log: ['exp', 'neg', 'abs'],
  exp: ['log'],
  minmax: ['minmax', 'zscore', 'div'],
  zscore: ['zscore', 'minmax', 'div'],
};

/** Whether a part of it does nothing: a smaller tree says the same, or nearly. */
export function isRedundant(e: Expression): boolean {
  if (typeof e === 'string') return false;
  if ('of' in e) {
    const inner = typeof e.of === 'string' ? undefined : e.of.op;
    return (
      e.op === 'skip' || (inner !== undefined && (SIMPLER[e.op] ?? []).includes(inner)) || isRedundant(e.of)
    );
  }
  const same = printExpression(e.left) === printExpression(e.right);
  // A norm beside products only scales the whole.
  const scales = (part: Expression): boolean => typeof part !== 'string' && part.op === 'div';
  const idle =
    e.op === 'mul'
      ? scales(e.left) || scales(e.right)
      : e.op === 'div' && (scales(e.left) || scales(e.right));
  return idle || (same && e.op === 'sub') || isRedundant(e.left) || isRedundant(e.right);
}

/** Worth a trial: as deep as the search goes, over the weights, without idle parts. */
export function isCandidate(e: Expression): boolean {
  const depth = depthOf(e);
  // A division by a norm at the top changes no order.
  if (typeof e !== 'string' && e.op === 'div') return false;
  return depth >= SEARCH_DEPTH.min && depth <= SEARCH_DEPTH.max && uses(e, 'W') && !isRedundant(e);
}

/** One text for trees that differ by the order of sums and products only. */
export function canonical(e: Expression): string {
  if (typeof e === 'string') return e;
  if ('of' in e) return `${e.op === 'pow2' ? 'sqr' : e.op}(${canonical(e.of)})`;
  const parts = [canonical(e.left), canonical(e.right)];
  if (e.op === 'add' || e.op === 'mul') parts.sort();
  return `${e.op}(${parts.join(',')})`;
}
