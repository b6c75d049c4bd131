/**
 * The theory on trial (schema prunelab.theory/1): what the paper claims of errors and schedules, measured on one model.
 * Plain records that travel between worker, page and file. Layers count from 0 here; errors are sums of squares over
 * all tokens of the text that they are measured on (docs/methods.md, reconstruction error).
 */
import type { DeviceRecord, LayerErrors, ModelRecord, TextRecord } from './report';
import type { LabSpec, TextName } from './spec';

export const THEOREMS = ['3.1', '3.2', '3.4', '3.5', 'lab', 'convexity', 'proxy'] as const;
export type TheoremId = (typeof THEOREMS)[number];

/** What is claimed, in one sentence each; 'lab' is this lab's own derivation, the rest is the paper's. */
export const CLAIMS: Readonly<Record<TheoremId, { title: string; claim: string }>> = {
  '3.1': {
    title: 'Theorem 3.1: more sparsity, more error',
    claim:
      'Of two prunings of the same weights on the same input, the sparser one has the larger reconstruction error; the proof takes the inner product of (W - W1) X and (W1 - W2) X to be positive.',
  },
  '3.2': {
    title: 'Theorem 3.2: errors are inherited',
    claim:
      'The error behind a layer is larger than the error before it times the square of the smallest singular value of the pruned weights, once the cross term is dropped.',
  },
  '3.4': {
    title: 'Theorem 3.4: errors spread to later layers',
    claim: 'Pruning one layer more raises the error of every later layer, so early layers do the most harm.',
  },
  '3.5': {
    title: 'Theorem 3.5: rising rates are best',
    claim:
      'Of all orders of the same rates the ascending one gives the smallest total error; every swap of two neighbours out of that order makes it worse.',
  },
  lab: {
    title: 'Lab theory: the best beta',
    claim:
      'If every layer’s own error is A exp(kappa s) and errors grow by the same factor c > 1 from layer to layer, the error behind the last layer is smallest at beta* = ln(c) / kappa.',
  },
  convexity: {
    title: 'The curve of beta is a convex U',
    claim:
      'Perplexity over beta is convex with one minimum, so that a grid search finds the best beta and its step hardly matters.',
  },
  proxy: {
    title: 'Error predicts perplexity',
    claim:
      'Of two prunings of a model, the one with the smaller reconstruction error has the smaller perplexity.',
  },
};

export interface TheorySpec {
  /** Its `seed` is the main seed; `beta` 'auto' is the best positive beta of the grid; the allocation is not used. */
  base: LabSpec;
  theorems: TheoremId[];
  /** Calibration draws of the experiments that are repeated; the main seed is among them. */
  seeds: number[];
  /** Sparsities that f_i(s) is measured at, ascending. */
  rates: number[];
  /** Theorem 3.4: what the layers have that are not raised. */
  others: 'target' | 'dense';
  /** Runs made before, as points for 'proxy' beside those measured now. */
  runs?: ProxyPoint[];
}

export const THEORY_SEEDS: readonly number[] = [0, 1, 2];
/** 0.05, 0.1, .., 0.95. */
export const THEORY_RATES: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

export interface Verdict {
  /** 'open': these measurements cannot tell. */
  holds: 'yes' | 'partly' | 'no' | 'open';
  /** Sentences with this model's numbers, saying where the claim fails. */
  text: string;
}

interface Experiment<Id extends TheoremId> {
  theorem: Id;
  title: string;
  claim: string;
  /** False while it is being measured; what is there so far can be drawn. */
  done: boolean;
  /** null until it is done. */
  verdict: Verdict | null;
}

/** One pruning of the clean model at given rates. */
export interface TheoryTrial {
  seed: number;
  /** Asked of each layer, [L]. */
  rates: number[];
  /** Of the select text; null when it diverged. */
  perplexity: number | null;
  /** Cumulative error behind each layer, [L], and what the dense output's squares sum to. */
  cumulative: (number | null)[];
  dense: (number | null)[];
  /** All six sums by layer, where an experiment needs them. */
  errors?: LayerErrors[];
}

/** One matrix under rising sparsity, on the layer's dense inputs. n = number of rates. */
export interface MatrixCurve {
  /** Name in the layer ('q'), and outputs. */
  matrix: string;
  rows: number;
  /** ||(W - W_s) X||_F^2 for each rate, [n]. */
  error: number[];
  /** <(W - W1) X, (W1 - W2) X> between rate k and rate k + 1, [n - 1]; the proof wants it positive. */
  inner: number[];
  /** Rows whose error falls from rate k to rate k + 1, [n - 1]. */
  violating: number[];
}

export interface LayerCurve {
  layer: number;
  /** f_i(s): error of the pruned layer on its dense input, for each rate, [n]. */
  local: (number | null)[];
  /** Squares of the layer's dense output, summed. */
  dense: number | null;
  matrices: MatrixCurve[];
}

export interface MonotoneExperiment extends Experiment<'3.1'> {
  rates: number[];
  layers: LayerCurve[];
  summary: {
    /** Steps from one rate to the next where f_i falls, and all steps. */
    layerSteps: { falling: number; all: number };
    matrixSteps: { falling: number; all: number };
    innerSteps: { negative: number; all: number };
    rowSteps: { violating: number; all: number };
  } | null;
}

export interface MatrixBound {
  matrix: string;
  rows: number;
  cols: number;
  /** Smallest singular value of the pruned matrix; 0 for a wide one, which the lemma does not cover. */
  sigmaMin: number;
  /** ||X - X~||_F^2 of the matrix's inputs in the dense and in the pruned model. */
  inputError: number;
  /** sigmaMin^2 times inputError. */
  bound: number;
  /** ||W X - W~ X~||_F^2. */
  error: number;
  /** bound / error; null where error is 0. */
  ratio: number | null;
  /** Why the bound says nothing: fewer outputs than inputs, smallest singular value 0, or equal inputs. */
  vacuous: 'wide' | 'singular' | 'same input' | null;
  /** ||(W - W~) X||^2, ||W~ (X - X~)||^2 and their cross term: error = first + second + 2 cross. */
  first: number;
  second: number;
  cross: number;
  /** |2 cross| / (first + second); null where both are 0. */
  crossShare: number | null;
}

export interface BoundExperiment extends Experiment<'3.2'> {
  /** Uniform rate of the pruned model. */
  sparsity: number;
  layers: { layer: number; matrices: MatrixBound[] }[];
  /** c_i = E_inh(i) / E_cum(i - 1) by seed; null for the first layer and where there is none. */
  gains: { seed: number; gain: (number | null)[] }[];
}

export interface SpreadExperiment extends Experiment<'3.4'> {
  others: 'target' | 'dense';
  /** How much the layer's rate is raised (less where it would pass 1). */
  raise: number;
  /** What nothing is raised in; main seed. */
  base: TheoryTrial | null;
  layers: {
    /** The layer that is raised. */
    layer: number;
    rate: number;
    perplexity: number | null;
    /** E_cum(j) less that of `base`, [L]; 0 before the raised layer. */
    increase: (number | null)[];
    /** Sum of `increase`. */
    area: number | null;
    /** Sum of `increase` as shares of the dense output. */
    relativeArea: number | null;
  }[];
  summary: {
    /** Layers by area, the largest first, and by perplexity. */
    byArea: number[];
    byPerplexity: number[];
    /** Rank correlation with the paper's order, in which the first layer harms the most: 1 is that order. */
    areaRank: number | null;
    relativeAreaRank: number | null;
    perplexityRank: number | null;
    /** Pairs (raised, later layer) whose error falls, and all pairs. */
    falling: number;
    pairs: number;
  } | null;
}

/** A schedule measured on every seed. */
export interface ScheduleRow {
  name: string;
  rates: number[];
  /** By seed, in the order of the record's seeds; null when it diverged. */
  perplexity: (number | null)[];
  /** Sum of E_cum over the layers, by seed. */
  summed: (number | null)[];
  /** E_cum behind the last layer, by seed. */
  last: (number | null)[];
}

export interface SwapRow {
  /** This layer and the next trade their rates. */
  layer: number;
  /** Swapped less ascending, by seed: positive is what the theorem predicts. */
  perplexity: (number | null)[];
  summed: (number | null)[];
  last: (number | null)[];
  /** Of the mean over seeds: 1 worse (predicted), -1 better, 0 equal; null where one diverged. */
  sign: 1 | -1 | 0 | null;
  /** Whether the 95 % interval over the seeds leaves 0 out; false with one seed. */
  distinct: boolean;
}

export interface OrderExperiment extends Experiment<'3.5'> {
  /** Common difference of the rates that are put in other orders; null until it is chosen. */
  beta: number | null;
  /** Ascending, descending, random 1 to 10. */
  orders: ScheduleRow[];
  swaps: SwapRow[];
  /** Arithmetic, convex, concave, step, reversed, uniform, OWL, AlphaPruning at the same mean. */
  shapes: ScheduleRow[];
  summary: {
    /** Rank of the ascending order among all orders (1 is the best), by mean over seeds. */
    rank: { perplexity: number; summed: number; last: number };
    /** Swaps (layer and seed) that make it worse as predicted, and all of them. */
    agree: { perplexity: number; summed: number; last: number; all: number };
    /** Names, the best first, by mean perplexity over seeds. */
    shapesByPerplexity: string[];
  } | null;
}

export interface CurveRow {
  beta: number;
  /** By seed; null when it diverged. */
  perplexity: (number | null)[];
  /** null where one diverged. */
  mean: number | null;
}

export interface LabTheoryExperiment extends Experiment<'lab'> {
  rates: number[];
  /** f_i(s), as in 3.1. */
  layers: { layer: number; local: (number | null)[]; dense: number | null }[];
  gains: { seed: number; gain: (number | null)[] }[];
  curve: CurveRow[];
  fit: {
    /** Slope of log E_loc over s with an intercept for every layer, and how much of the variance it explains. */
    kappa: number;
    r2: number;
    /** The slope of each layer by itself, [L]. */
    kappas: (number | null)[];
    /** Median of the gains. */
    c: number;
    /** ln(c) / kappa. */
    predicted: number;
    /** Of the curve, by mean over seeds; null where all diverged. */
    measured: number | null;
    betaMax: number | null;
  } | null;
  assumptions: {
    /** Largest over smallest E_loc of the layers at the rate nearest to the target: absolute, and relative to the dense output. */
    atRate: number;
    localRatio: number;
    relativeRatio: number;
    kappaMin: number;
    kappaMax: number;
    /** Gains above 1, and all of them. */
    above: number;
    gains: number;
    gainMin: number;
    gainMax: number;
  } | null;
}

export interface SecondDifference {
  beta: number;
  /** y(beta - h) - 2 y(beta) + y(beta + h), by seed. */
  bySeed: (number | null)[];
  mean: number | null;
  /** Standard deviation over the seeds; null with one. */
  spread: number | null;
  /** Whether the 95 % interval of the mean lies below 0. */
  below: boolean;
}

export interface GridShape {
  step: number;
  points: CurveRow[];
  differences: SecondDifference[];
  /** Local minima of the mean curve, ends included, and of the curve of each seed. */
  minima: number;
  minimaBySeed: number[];
  /** Of the mean curve. */
  best: { beta: number; perplexity: number } | null;
}

export interface ConvexityExperiment extends Experiment<'convexity'> {
  /** What is measured so far, at half the step; ascending. */
  curve: CurveRow[];
  shape: {
    kind: 'convex' | 'unimodal' | 'neither';
    grid: GridShape;
    half: GridShape;
    /** Best perplexity with the step doubled over that of the grid, less 1; the grid over half the step, less 1. */
    lostDoubled: number | null;
    lostGrid: number | null;
  } | null;
}

export interface ProxyPoint {
  name: string;
  /** 'trial': measured here on the select text. 'run': a run made before, of another text perhaps; judged apart. */
  source: 'trial' | 'run';
  sparsity: number;
  beta: number | null;
  perplexity: number | null;
  /** E_cum behind the last layer, its sum over the layers, and the sum of E_cum as shares of the dense outputs. */
  last: number | null;
  summed: number | null;
  relative: number | null;
}

export const PROXIES = ['last', 'summed', 'relative'] as const;
export type ProxyName = (typeof PROXIES)[number];

export interface Correlation {
  proxy: ProxyName;
  /** 'all' trials; 'target': those of the target sparsity only; 'runs': those made before. */
  among: 'all' | 'target' | 'runs';
  points: number;
  /** Spearman's rank correlation with perplexity and its 95 % bootstrap interval; null with fewer than 3 points. */
  rho: number | null;
  low: number | null;
  high: number | null;
}

export interface ProxyExperiment extends Experiment<'proxy'> {
  points: ProxyPoint[];
  correlations: Correlation[];
  /** The beta of the grid (0 included) with the smallest value of each, main seed. */
  picks: { by: ProxyName | 'perplexity'; beta: number | null; perplexity: number | null }[];
}

export type TheoryExperiment =
  | MonotoneExperiment
  | BoundExperiment
  | SpreadExperiment
  | OrderExperiment
  | LabTheoryExperiment
  | ConvexityExperiment
  | ProxyExperiment;

export type ExperimentOf<Id extends TheoremId> = Extract<TheoryExperiment, { theorem: Id }>;

export interface TheoryRecord {
  schema: 'prunelab.theory/1';
  /** Hash of everything that decides a measurement but which theorems are asked for: records of one id may be joined. */
  id: string;
  version: string;
  spec: TheorySpec;
  model: ModelRecord;
  device: DeviceRecord;
  texts: Record<TextName, TextRecord>;
  /** The draws that were measured: those of the spec, or the main one where the calibration text leaves no choice. */
  seeds: number[];
  /** Of the select text. */
  densePerplexity: number | null;
  /** Those asked for, in the order of THEOREMS; then those that an earlier record of the same id brought along. */
  experiments: TheoryExperiment[];
  /** Every pruning measured, in the order made; experiments refer to them by rates and seed. */
  trials: TheoryTrial[];
  warnings: string[];
}

/** The experiment of this theorem, where the record has it. */
export function experimentOf<Id extends TheoremId>(
  record: TheoryRecord,
  theorem: Id,
): ExperimentOf<Id> | undefined {
  return record.experiments.find((e): e is ExperimentOf<Id> => e.theorem === theorem);
}
