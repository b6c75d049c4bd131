/** Facts about the scores of the dense model: of each block, or compared over all matrices. */
import { DSA_EXPRESSION } from '../../pruning/allocations/dsa';
import { GLOBAL_SCORE } from '../../pruning/allocations/global';
import { OWL_M } from '../../pruning/allocations/owl';
import { evaluate, PUBLISHED, SAFE, type Expression } from '../../pruning/measures/expression';
import { outlierPercentage } from '../../pruning/measures/outliers';
import { globalThreshold, lampScores } from '../../pruning/measures/threshold';
import { denseNorms, scoresOf, weightsOf, type FactContext, type Found } from './context';

/** Scores of all blocks are kept while a search runs where they are no more than this. */
const KEPT_BYTES = 512 << 20;

/** Wanda scores of one block after another, each in one piece. */
export class BlockScores {
  readonly #context: FactContext;
  readonly #kept: (Float32Array | undefined)[] = [];

  constructor(context: FactContext) {
    this.#context = context;
  }

  /** `of` applied to the scores of every block, [L]. */
  async each<T>(of: (scores: Float32Array) => T): Promise<T[]> {
    const { engine, pace } = this.#context;
    const { prunable, prunablePerLayer } = engine.model.plan;
    const keep = 4 * prunablePerLayer.reduce((a, b) => a + b, 0) <= KEPT_BYTES;
    const out: T[] = [];
    for (const [layer, size] of prunablePerLayer.entries()) {
      let scores = this.#kept[layer];
      if (!scores) {
        scores = new Float32Array(size);
        const norms = await denseNorms(this.#context);
        let at = 0;
        for (const [k, m] of prunable.entries()) {
          if (m.layer !== layer) continue;
          scores.set(await scoresOf(this.#context, k, norms), at);
          at += m.count;
        }
        if (keep) this.#kept[layer] = scores;
      }
      out.push(of(scores));
      await pace.breathe();
    }
    return out;
  }

  /** Value of an expression over each block. */
  importance(expression: Expression): Promise<number[]> {
    return this.each((scores) => evaluate(expression, scores));
  }
}

export async function outliers(context: FactContext): Promise<Found<number[]>> {
  const factor = Number(context.plan.params[OWL_M.name]);
  const value = await new BlockScores(context).each((scores) => outlierPercentage(scores, factor));
  return { value };
}

export async function importance(context: FactContext): Promise<Found<number[]>> {
  const safe = context.plan.params[DSA_EXPRESSION.name] === 'safe';
  return { value: await new BlockScores(context).importance(safe ? SAFE : PUBLISHED) };
}

/** Zeros of each matrix under one threshold; scores that equal it are shared out in proportion. */
export async function globalZeros(context: FactContext): Promise<Found<number[]>> {
  const { engine, plan } = context;
  const { prunable } = engine.model.plan;
  const total = prunable.reduce((sum, m) => sum + m.count, 0);
  const zeros = Math.round(plan.requested * total);
  const norms = plan.params[GLOBAL_SCORE.name] === 'magnitude' ? null : await denseNorms(context);
  const { below, equal } = await globalThreshold(prunable.length, (k) => scoresOf(context, k, norms), zeros);
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const share = (zeros - sum(below)) / (sum(equal) || 1);
  return { value: below.map((count, k) => count + share * (equal[k] ?? 0)) };
}

/** Weights of each matrix that score below the last of the best round((1 - S) * all). */
export async function lampZeros(context: FactContext): Promise<Found<number[]>> {
  const { engine, plan } = context;
  const { prunable } = engine.model.plan;
  const total = prunable.reduce((sum, m) => sum + m.count, 0);
  const kept = Math.round((1 - plan.requested) * total);
  const scores = async (k: number): Promise<Float64Array> => lampScores(await weightsOf(context, k));
  return { value: (await globalThreshold(prunable.length, scores, total - kept)).below };
}

export async function magnitudes(context: FactContext): Promise<Found<number[]>> {
  const out: number[] = [];
  for (const k of context.engine.model.plan.prunable.keys()) {
    const weights = await weightsOf(context, k);
    let sum = 0;
    for (const w of weights) sum += Math.abs(w);
    out.push(sum / (weights.length || 1));
  }
  return { value: out };
}
