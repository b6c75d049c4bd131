/**
 * A pruner says what it compares; a pattern then cuts. Scoring pruners keep kept weights untouched: they are data, and
 * the engine's one selection path (GPU or CPU) serves all of them.
 */
import type { ParamValue } from '../../core/spec';

export interface PrunerParam {
  name: string;
  label: string;
  help: string;
  type: 'number' | 'boolean' | 'choice';
  min?: number;
  max?: number;
  choices?: readonly string[];
  init: ParamValue;
}

export interface Pruner<Id extends string = string> {
  readonly id: Id;
  readonly label: string;
  readonly help: string;
  /** Which statistics of its inputs a matrix needs: none, or the norm of each input channel. */
  readonly statistic: 'none' | 'inputNorm';
  /**
   * Unit of comparison. 'row': the lowest trunc(C s) scores of each row go, ties by lowest column. 'matrix': every
   * score up to the one at index trunc(R C s) goes, ties included.
   */
  readonly scope: 'row' | 'matrix';
  readonly params: readonly PrunerParam[];
  readonly citation: string;
}

export function definePruner<const Id extends string>(pruner: Pruner<Id>): Pruner<Id> {
  return pruner;
}
