/**
 * An allocation decides how much of each layer is pruned, given the target mean. Pure functions of shapes, parameters
 * and facts: what has to be measured on the dense model first is named by `needs`, measured elsewhere and handed in.
 * Rates are fractions of zeros.
 */
import { LabError } from '../../core/errors';
import type { ParamValue } from '../../core/spec';
import type { PrunerParam } from '../pruners/define';
import { blockMeans, clampRates, spreadToMean, weightedMean, type Clamp } from './postprocess';
import type { FactName, Facts } from './facts';

/** One matrix that is pruned. */
export interface MatrixSize {
  /** Tensor name. */
  name: string;
  /** 0-based. */
  layer: number;
  /** Outputs and inputs. */
  rows: number;
  cols: number;
  /** Number of weights. */
  count: number;
}

export type Params = Readonly<Record<string, ParamValue>>;

export interface AllocationInput {
  /** Number of layers L >= 1. */
  layers: number;
  /** Prunable weights of each layer, length L. */
  sizes: readonly number[];
  /** Target fraction of zeros S in [0, 1]. */
  sparsity: number;
  /** Parameters that differ from their defaults, and `beta` for ATP. */
  params: Params;
  /** Rates by hand, for `custom`: one per layer, or one per prunable tensor name. */
  rates?: readonly number[] | Readonly<Record<string, number>>;
  /** All prunable matrices in model order; needed by those that work by matrix. */
  matrices?: readonly MatrixSize[];
  /** What `needs` asked for. */
  facts?: Facts;
  /** True where the pruner changes weights: with nothing left in a matrix it could make up for nothing. */
  updates?: boolean;
}

/** What a method itself computes, before clamping. */
export interface RawAllocation {
  /** Rate of each layer, [L]; absent where `matrices` says more. */
  layers?: number[];
  /** Rate of each matrix, aligned with the input's `matrices`. */
  matrices?: number[];
  /** Zeros of each row of a matrix, aligned likewise; null where the rate alone counts. */
  rowZeros?: (Uint32Array<ArrayBuffer> | null)[];
  /** Why the method did not do what its name says. */
  fallback?: string;
  /** Small numbers behind the choice, by name; one per layer unless the name says otherwise. */
  facts?: Record<string, number[]>;
}

export interface AllocationResult extends Omit<RawAllocation, 'layers'> {
  /** Rates s_1..s_L, each in [0, 1]; weighted means where the rates of a block's matrices differ. */
  layers: number[];
  /** Rates that had to be clamped. */
  clamped: number;
  /** Mean of the rates, weighted by size, after clamping. */
  nominalMean: number;
}

export interface Allocation<Id extends string = string> {
  readonly id: Id;
  readonly label: string;
  readonly help: string;
  readonly params: readonly PrunerParam[];
  readonly citation: string | null;
  /** False for the ones that only a file or a flag can choose. */
  readonly listed: boolean;
  /** True where the parameter beta decides. */
  readonly hasBeta: boolean;
  /** Facts that have to be measured first with these parameters; none where shapes are enough. */
  needs(params: Params): readonly FactName[];
  /** Whether its facts are searched for by whole runs, which takes as long. */
  searches(params: Params): boolean;
  /** Throws SpecError when the input or a parameter is illegal. */
  allocate(input: AllocationInput): AllocationResult;
}

type Definition<Id extends string> = Pick<Allocation<Id>, 'id' | 'label' | 'help'> &
  Partial<Pick<Allocation<Id>, 'params' | 'citation' | 'listed' | 'hasBeta'>> & {
    needs?: readonly FactName[] | ((params: Params) => readonly FactName[]);
    searches?: (params: Params) => boolean;
    /** Bounds of the reference; [0, 1] where it has none. */
    clamp?: Clamp | ((input: AllocationInput) => Clamp);
    allocate(input: AllocationInput): RawAllocation | number[];
  };

/** Parameters that every allocation takes (`--set name=value`). */
export const ALLOCATION_PARAMS: readonly PrunerParam[] = [
  {
    name: 'exactMean',
    label: 'Exact mean',
    help: 'Shift the rates that were not clamped, so that their mean is the target again.',
    type: 'boolean',
    init: false,
  },
];

/** Wraps `allocate` with the checks and the post-processing that hold for every allocation. */
export function defineAllocation<const Id extends string>(definition: Definition<Id>): Allocation<Id> {
  const { needs = [], clamp, allocate, ...rest } = definition;
  return {
    params: [],
    citation: null,
    listed: true,
    hasBeta: false,
    searches: () => false,
    ...rest,
    needs: typeof needs === 'function' ? needs : () => needs,
    allocate(input) {
      checkInput(input);
      // Nothing to choose: at 0 nothing goes, at 1 everything.
      if (input.rates === undefined && (input.sparsity === 0 || input.sparsity === 1))
        return finish({ layers: new Array<number>(input.layers).fill(input.sparsity) }, input, undefined);
      const given = allocate(input);
      const bounds = typeof clamp === 'function' ? clamp(input) : clamp;
      return finish(Array.isArray(given) ? { layers: given } : given, input, bounds);
    },
  };
}

function finish(raw: RawAllocation, input: AllocationInput, clamp: Clamp | undefined): AllocationResult {
  const { layers, sparsity, params, matrices = [] } = input;
  const perMatrix = raw.matrices !== undefined;
  const sizes = perMatrix ? matrices.map(({ count }) => count) : input.sizes;
  const bounded = clampRates(raw.matrices ?? raw.layers ?? [], clamp);
  const rates =
    params['exactMean'] === true && input.rates === undefined
      ? spreadToMean(bounded.rates, sizes, sparsity, clamp)
      : bounded.rates;
  return {
    ...raw,
    layers: perMatrix ? blockMeans(rates, matrices, layers) : rates,
    ...(perMatrix ? { matrices: rates } : {}),
    clamped: bounded.clamped,
    nominalMean: weightedMean(rates, sizes),
  };
}

function checkInput({ layers, sizes, sparsity }: AllocationInput): void {
  if (!Number.isSafeInteger(layers) || layers < 1) {
    throw new LabError('SpecError', `An allocation needs at least one layer, not ${layers}.`);
  }
  if (sizes.length !== layers) {
    throw new LabError(
      'SpecError',
      `An allocation over ${layers} layers was given ${sizes.length} layer sizes.`,
    );
  }
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new LabError('SpecError', `Sparsity must be from 0 to 1, not ${sparsity}.`);
  }
}

/** The matrices of the input; every caller with a model gives them. */
export function matricesOf({ matrices }: AllocationInput): readonly MatrixSize[] {
  if (!matrices || matrices.length === 0) throw new Error('this allocation needs the matrices of the model');
  return matrices;
}

/** A fact that `needs` asked for. */
export function factOf<K extends FactName>({ facts }: AllocationInput, name: K): NonNullable<Facts[K]> {
  const fact = facts?.[name];
  if (fact === undefined) throw new Error(`the fact ${name} was not measured`);
  return fact;
}

/** A number among the parameters, or its default. */
export function numberParam(params: Params, param: PrunerParam): number {
  const value = params[param.name] ?? param.init;
  if (typeof value !== 'number') throw new Error(`${param.name} is no number`);
  return value;
}
