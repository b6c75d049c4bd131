/** What one layer looks like after pruning, matrix by matrix, as plain JSON: the drill-down of the page and of `inspect`. */
import type { TextRecord } from './report';
import type { LabSpec } from './spec';

export interface LayerRecord {
  schema: 'prunelab.layer/1';
  version: string;
  spec: LabSpec;
  /** The beta that the masks are of. */
  beta: number;
  model: { name: string; layers: number; sha256: string };
  /** The first is 0. */
  layer: number;
  /**
   * What the matrices were measured on: the inputs that the dense layer gives them on the calibration text, behind the
   * pruned layers before it or (a spec with stats "dense") behind the dense ones. The pruner's statistics are of them.
   */
  inputs: { prefix: 'pruned' | 'dense'; text: TextRecord };
  /** In the order of pruning. */
  matrices: MatrixRecord[];
}

/** One matrix W [rows = outputs, cols = inputs] and W', what it became. */
export interface MatrixRecord {
  /** Inside the layer, and in the file. */
  name: string;
  tensor: string;
  rows: number;
  cols: number;
  count: number;
  /** Zeros in W' and in W. */
  zeros: number;
  zerosBefore: number;
  /** Fraction of zeros that the allocation asked for; null where it is not known. */
  requested: number | null;
  /** ||(W - W') X||^2 / ||W X||^2 over the inputs X; null where it is not a finite number. */
  error: number | null;
  /** Rows and columns that are all zero in W', and those that were so in W. */
  dead: { rows: number; cols: number; rowsBefore: number; colsBefore: number };
  picture: MaskPicture;
  scores: ScoreRecord;
}

/** The mask, seen from far: height x width cells, row-major, of rows / height by cols / width weights each. */
export interface MaskPicture {
  height: number;
  width: number;
  /** Fraction of each cell that is not zero in W', times 255, rounded; bytes in base64. */
  kept: string;
}

/** Scores of all weights, in bins of equal width on a logarithmic axis. */
export interface ScoreRecord {
  /** 'weightNorm': |W| times the norm of its input channel, as the pruner compared it. 'weight': |W|. */
  kind: 'weight' | 'weightNorm';
  /** log10 of the edges of the axis; null where every score is 0. Smaller scores are in the first bin. */
  log10: { min: number; max: number } | null;
  /** Weights in each bin that the mask keeps, and those that it prunes. */
  kept: number[];
  pruned: number[];
  /** Weights with score 0, which a logarithmic axis has no place for, or without a score (not a number). */
  zero: { kept: number; pruned: number };
  /**
   * The largest score that was pruned: of the matrix, or where each row has its own, the range and median over the
   * `rows` that lost any. Null where no score divides them: nothing pruned, K:M patterns, pruners that do not go by it.
   */
  threshold:
    | null
    | { unit: 'matrix'; value: number }
    | { unit: 'row'; rows: number; min: number; median: number; max: number };
}
