/** Every pruner; a new one is one file here and one line in this list. */
import { LabError } from '../../core/errors';
import { alps } from './alps';
import type { Pruner, PrunerParam } from './define';
import { dsnot } from './dsnot';
import { llmPruner } from './llm-pruner';
import { magnitude } from './magnitude';
import { prunerZero } from './pruner-zero';
import { sparsegpt } from './sparsegpt';
import { wanda } from './wanda';

export const PRUNERS: readonly Pruner[] = [wanda, magnitude, sparsegpt, alps, dsnot, prunerZero, llmPruner];

/** Parameters that every pruner takes (`--set name=value`). */
export const COMMON_PARAMS: readonly PrunerParam[] = [
  {
    name: 'exactBudget',
    label: 'Exact budget',
    help: 'Spread the rounding over the rows, so that the asked fraction of zeros is met to the weight.',
    type: 'boolean',
    init: false,
  },
  {
    name: 'select',
    label: 'Select on',
    help: 'Where masks are chosen: the GPU, the CPU, or whichever was measured faster on this kind of adapter.',
    type: 'choice',
    choices: ['auto', 'gpu', 'cpu'],
    init: 'auto',
  },
];

export function findPruner(id: string): Pruner {
  const found = PRUNERS.find((p) => p.id === id);
  if (found) return found;
  throw new LabError(
    'SpecError',
    `There is no pruner "${id.slice(0, 80)}" in this version.`,
    `Use one of ${PRUNERS.map((p) => p.id).join(', ')}.`,
  );
}
