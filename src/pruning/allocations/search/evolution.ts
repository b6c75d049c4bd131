/**
 * Evolution of DSA's expressions: tournaments of 5, one-point crossover between the parts, each part mutated with
 * probability 0.2, the best one always stays. Ask for an expression, tell its value; smaller is better.
 */
import { Rng } from '../../../core/rng';
import { formatExpression, POST_OPS, PRE_OPS, PUBLISHED, REDUCE_OPS, SAFE, type Expression } from '../../measures/expression'; // prettier-ignore

const TOURNAMENT = 5;
const MUTATION = 0.2;
/** Draws until one has not been tried; then a repeated one is taken. */
const MAX_DRAWS = 50;

interface Member {
  expression: Expression;
  value: number;
}

export class ExpressionEvolution {
  readonly #size: number;
  readonly #rng: Rng;
  readonly #tried = new Set<string>();
  /** The parents, best first; then their children as they are told. */
  #parents: Member[] = [];
  #children: Member[] = [];

  constructor(size: number, seed: number) {
    this.#size = size;
    this.#rng = new Rng(seed, 'dsa');
  }

  /** The published expressions first, so that the search is never worse than they are. */
  ask(): Expression {
    const first = [PUBLISHED, SAFE][this.#tried.size];
    let next = first ?? this.#next();
    for (let i = 0; i < MAX_DRAWS && this.#tried.has(formatExpression(next)); i++) next = this.#next();
    this.#tried.add(formatExpression(next));
    return next;
  }

  tell(expression: Expression, value: number | null): void {
    const finite = value !== null && Number.isFinite(value) ? value : Infinity;
    this.#children.push({ expression, value: finite });
    if (this.#children.length < this.#size) return;
    const elite = this.#parents.slice(0, 1);
    this.#parents = [...elite, ...this.#children].sort((a, b) => a.value - b.value).slice(0, this.#size);
    this.#children = [];
  }

  #next(): Expression {
    if (this.#parents.length === 0) return this.#random();
    const [a, b] = [this.#parent(), this.#parent()];
    const cut = 1 + this.#rng.below(2);
    const child = { pre: a.pre, reduce: cut > 1 ? a.reduce : b.reduce, post: b.post };
    const mutant = this.#random();
    const mutate = (): boolean => this.#rng.float() < MUTATION;
    return {
      pre: mutate() ? mutant.pre : child.pre,
      reduce: mutate() ? mutant.reduce : child.reduce,
      post: mutate() ? mutant.post : child.post,
    };
  }

  #parent(): Expression {
    let best: Member | undefined;
    for (let i = 0; i < TOURNAMENT; i++) {
      const next = this.#parents[this.#rng.below(this.#parents.length)];
      if (next && (!best || next.value < best.value)) best = next;
    }
    return best?.expression ?? this.#random();
  }

  /** Up to 2 operations before, one reduction, 1 or 2 after. */
  #random(): Expression {
    const pick = <T>(ops: readonly T[]): T => ops[this.#rng.below(ops.length)] as T;
    const list = <T>(ops: readonly T[], count: number): T[] => Array.from({ length: count }, () => pick(ops));
    return {
      pre: list(PRE_OPS, this.#rng.below(3)),
      reduce: pick(REDUCE_OPS),
      post: list(POST_OPS, 1 + this.#rng.below(2)),
    };
  }
}
