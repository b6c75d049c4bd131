/**
 * An allocation decides how much of each layer is pruned, given the target mean. Pure functions: the page calls them
 * while a slider moves, the engine calls the same ones before it prunes. Rates are fractions of zeros.
 */
import { LabError } from '../../core/errors';
import type { ParamValue } from '../../core/spec';

/** One matrix that is pruned: its tensor name, 0-based layer and number of weights. */
export interface MatrixSize {
  name: string;
  layer: number;
  count: number;
}

export interface AllocationInput {
  /** Number of layers L >= 1. */
  layers: number;
  /** Prunable weights of each layer, length L. */
  sizes: readonly number[];
  /** Target fraction of zeros S in [0, 1]. */
  sparsity: number;
  params: Readonly<Record<string, ParamValue>>;
  /** Rates by hand, for `custom`: one per layer, or one per prunable tensor name. */
  rates?: readonly number[] | Readonly<Record<string, number>>;
  /** All prunable matrices, needed when `rates` names tensors. */
  matrices?: readonly MatrixSize[];
}

/** What a bound may depend on. */
export interface BoundContext {
  layers: number;
  sparsity: number;
}

export type Bound = number | ((context: BoundContext) => number | null);

export interface AllocationParam {
  name: string;
  label: string;
  /** One line: what it decides. */
  help: string;
  type: 'number' | 'boolean' | 'choice';
  min?: Bound;
  max?: Bound;
  choices?: readonly string[];
  init: ParamValue;
}

export interface Allocation<Id extends string = string> {
  readonly id: Id;
  readonly label: string;
  readonly help: string;
  readonly params: readonly AllocationParam[];
  /** False for the ones that only a file or a flag can choose. */
  readonly listed: boolean;
  /** Rates s_1..s_L, each in [0, 1]. Throws SpecError when the input or a parameter is illegal. */
  allocate(input: AllocationInput): number[];
}

type Definition<Id extends string> = Omit<Allocation<Id>, 'listed'> & { listed?: boolean };

/** Wraps `allocate` with the checks that hold for every allocation. */
export function defineAllocation<const Id extends string>(definition: Definition<Id>): Allocation<Id> {
  return {
    listed: true,
    ...definition,
    allocate(input) {
      checkInput(input);
      return definition.allocate(input);
    },
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

/** Mean of the rates weighted by layer size: the sparsity that the rates ask for. Uniform weights when all sizes are 0. */
export function weightedMean(rates: readonly number[], sizes: readonly number[]): number {
  let sum = 0;
  let total = 0;
  rates.forEach((rate, i) => {
    sum += rate * (sizes[i] ?? 0);
    total += sizes[i] ?? 0;
  });
  return total > 0 ? sum / total : rates.reduce((a, b) => a + b, 0) / rates.length;
}
