/** What allocations know of a model beyond its shape. Measured on the dense model (session/facts). */

/** Facts by name; the comment says which parameters a fact depends on. */
export interface Facts {
  /** OWL: percentage of a block's Wanda scores above owlM times their mean, [L]. */
  outliers?: readonly number[];
  /** DSA: value of dsaExpression over a block's Wanda scores, [L], always finite. */
  importance?: readonly number[];
  /** AlphaPruning: exponent of the tail of each matrix's spectrum; null where no eigenvalue is left. */
  alphas?: readonly (number | null)[];
  /** ALS: similarity of block inputs, [L][L]. */
  blockSimilarity?: readonly (readonly number[])[];
  /** ALS: similarity of the inputs of a block's matrices, [L][K][K] in the order of the block's matrices. */
  inputSimilarity?: readonly (readonly (readonly number[])[])[];
  /** Mean |W| of each matrix. */
  magnitudes?: readonly number[];
  /** Global: weights of each matrix whose score is among the round(S * all weights) lowest. */
  globalZeros?: readonly number[];
  /** LAMP: weights of each matrix below the last of the round((1 - S) * all weights) best scores. */
  lampZeros?: readonly number[];
  /** NEURONAL: chosen spread of the blocks, and the alignment of each matrix's rows where rows are stepped. */
  neuronal?: NeuronalFacts;
  /** Bayesian search: the rates of the best trial, [L]. */
  searched?: readonly number[];
}

export type FactName = keyof Facts;

export interface NeuronalFacts {
  lambda: number;
  /** Candidates with their scores, in the order tried. */
  blocks: readonly { lambda: number; score: number }[];
  /** Row step: chosen spread, candidates, and alignments by matrix (null: uniform). */
  rows?: {
    lambda: number;
    tried: readonly { lambda: number; score: number }[];
    alignment: readonly (Float64Array<ArrayBuffer> | null)[];
  };
}
