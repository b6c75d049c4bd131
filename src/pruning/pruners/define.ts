/**
 * A pruner says what it compares; a pattern then cuts. Pruners that score with |W| times a norm are data: the engine's
 * one selection path (GPU or CPU) serves them. All others bring `choose`, which sees one matrix at a time.
 */
import type { FloatDtype } from '../../core/dtypes';
import type { LayerRange } from '../../core/layerRange';
import type { SolverNote } from '../../core/report';
import type { ParamValue } from '../../core/spec';
import type { DecoderConfig } from '../../models/archs/define';

export interface PrunerParam {
  name: string;
  label: string;
  help: string;
  type: 'number' | 'boolean' | 'choice' | 'text';
  min?: number;
  max?: number;
  /** Whole numbers only. */
  integer?: boolean;
  choices?: readonly string[];
  /** What is wrong with a text, for the user; null where nothing is. */
  problem?: (text: string) => string | null;
  init: ParamValue;
}

export type Params = Readonly<Record<string, ParamValue>>;

/**
 * What may be measured of the inputs of a matrix. 'norm': sqrt of a_c. 'gram': sum over tokens of x x^T. 'moments':
 * signed means and variances of the channels. 'gradient': of the dense model's loss with respect to the weights,
 * sequence by sequence. 'gradientSum': the signed gradient of one batch, for pruners that choose by layer.
 */
export type Statistic = 'norm' | 'gram' | 'moments' | 'gradient' | 'gradientSum';

/** Statistics of one matrix; those that its pruner asked for are there. C = inputs, R = outputs. */
export interface MatrixStatistics {
  /** Calibration sequences N_s and tokens T. */
  sequences: number;
  tokens: number;
  /** sqrt(a_c), f32, [C]. */
  norms?: Float32Array<ArrayBuffer>;
  /** Sum over all tokens of x x^T, symmetric, row-major [C, C]. Read only: matrices of one input share it. */
  gram?: Float32Array<ArrayBuffer>;
  /** (1 / N_s) * sum over all tokens of x_c, [C]. */
  mean?: Float64Array<ArrayBuffer>;
  /** Token-weighted mean of the biased variances inside each sequence, [C]. */
  variance?: Float64Array<ArrayBuffer>;
  /** sqrt of the sum over sequences of squared gradients, row-major [R, C]. */
  gradient?: Float32Array<ArrayBuffer>;
}

/** Lets others have the thread now and then, and hears of cancelling. */
export interface Pace {
  /** Call it every few milliseconds of work; it gives way to the event loop when it is time. Rejects when cancelled. */
  breathe(): Promise<void>;
}

/** One matrix that is to be pruned, R x C. */
export interface MatrixJob {
  layer: number;
  /** Name inside the layer ('q', 'down') and in the file. */
  matrix: string;
  tensor: string;
  rows: number;
  cols: number;
  /** The dense weights, [R, C], exactly as the file has them. The job's own copy. */
  weights: Float32Array<ArrayBuffer>;
  /** What `values` will be rounded to, to the nearest even. */
  dtype: FloatDtype;
  /** Fraction of zeros, in (0, 1]; with a K:M pattern 1 - K/M. */
  rate: number;
  /** Zeros of each row, [R], where the allocation works by rows: overrides `rate` for pruners that compare in rows. */
  rowZeros?: Uint32Array<ArrayBuffer>;
  pattern: 'free' | { keep: number; group: number };
  exactBudget: boolean;
  params: Params;
  statistics: MatrixStatistics;
  pace: Pace;
  warn(text: string): void;
}

export interface MatrixChoice {
  /** One bit per weight, 1 = kept, least significant bit first, each row padded to whole words with 0 bits. */
  kept: Uint32Array<ArrayBuffer>;
  /** New weights, [R, C]; what is not kept becomes +0 whatever stands here. Absent: the kept weights stay as they are. */
  values?: Float32Array<ArrayBuffer>;
  /** What a solver used and reached: it goes into the report. */
  solver?: SolverNote;
}

export type Choose = (job: MatrixJob) => Promise<MatrixChoice> | MatrixChoice;

/** One layer of the dense model whose matrices are chosen together: what was pruned before it does not matter. */
export interface LayerJob extends Pick<MatrixJob, 'layer' | 'params' | 'pace' | 'warn'> {
  config: DecoderConfig;
  /** Mean rate of the layer's weights, in [0, 1]. */
  rate: number;
  /** Every matrix of the layer, by its name inside the layer. */
  matrices: Readonly<Record<string, Pick<MatrixJob, 'rows' | 'cols' | 'weights'>>>;
  /** Gradient of the dense model's loss over one batch, row-major [R, C], by matrix; where 'gradientSum' was asked for. */
  gradients?: Readonly<Record<string, Float32Array>>;
}

/** A choice for every matrix of the layer. */
export type ChooseLayer = (
  job: LayerJob,
) => Promise<Record<string, MatrixChoice>> | Record<string, MatrixChoice>;

export interface Pruner<Id extends string = string> {
  readonly id: Id;
  readonly label: string;
  readonly help: string;
  /** Statistics that a matrix needs with these parameters; none for a pruner without data. */
  statistics(params: Params): readonly Statistic[];
  /**
   * Unit of comparison. 'row': the lowest trunc(C s) scores of each row go, ties by lowest column. 'matrix': every
   * score up to the one at index trunc(R C s) goes, ties included.
   */
  scope(params: Params): 'row' | 'matrix';
  /** Whether it takes K:M patterns. */
  readonly groups: boolean;
  /** Whether kept weights change. */
  updates(params: Params): boolean;
  readonly params: readonly PrunerParam[];
  readonly citation: string;
  /** Loads what chooses; null where |W| (times the norm, if there is one) decides with these parameters. */
  choose(params: Params): (() => Promise<Choose>) | null;
  /** Loads what chooses all matrices of a layer at once, in place of `choose`. */
  chooseLayer?(params: Params): () => Promise<ChooseLayer>;
  /**
   * The layers that are pruned where these parameters protect others; those keep every weight, and the allocation works
   * over the range alone. SpecError where the range does not fit a model of this many layers.
   */
  range?(params: Params, layers: number): LayerRange;
}

type Definition<Id extends string> = Pick<Pruner<Id>, 'id' | 'label' | 'help' | 'citation'> & {
  statistics: readonly Statistic[] | ((params: Params) => readonly Statistic[]);
  scope: 'row' | 'matrix' | ((params: Params) => 'row' | 'matrix');
  groups?: boolean;
  updates?: boolean | ((params: Params) => boolean);
  params?: readonly PrunerParam[];
  choose?: Pruner['choose'];
  chooseLayer?: Pruner['chooseLayer'];
  range?: Pruner['range'];
};

const constant = <T>(value: T | ((params: Params) => T)): ((params: Params) => T) =>
  typeof value === 'function' ? (value as (params: Params) => T) : () => value;

export function definePruner<const Id extends string>(definition: Definition<Id>): Pruner<Id> {
  const { statistics, scope, updates, ...rest } = definition;
  return {
    groups: true,
    params: [],
    choose: () => null,
    ...rest,
    statistics: constant<readonly Statistic[]>(statistics),
    scope: constant(scope),
    updates: constant(updates ?? false),
  };
}
