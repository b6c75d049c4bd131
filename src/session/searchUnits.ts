import { BAYES_TRIALS } from '../pruning/allocations/bayesian';
import { DSA_BUDGET } from '../pruning/allocations/dsa';
import { blockLambdas, NEURO_ROWS, NEURO_SEQUENCES, ROW_LAMBDAS } from '../pruning/allocations/neuronal';
import { needsFacts, type RunPlan } from './plan';

/** What one trial of a search costs: a pruning and a measurement; in tokens through one block, as all work here. */
export interface SearchCost {
  trial: number;
  /** Tokens of the calibration text, its sequences, and the model's layers. */
  calibration: number;
  sequences: number;
  layers: number;
}

/** Work of the search that an allocation makes before the run, in tokens through one block; 0 for those that make none. */
export function searchUnits(plan: RunPlan, cost: SearchCost): number {
  const { allocation, params } = plan;
  if (!needsFacts(plan)) return 0;
  if (allocation.id === 'neuronal') {
    const share = Math.min(1, Number(params[NEURO_SEQUENCES.name]) / cost.sequences);
    const candidates =
      blockLambdas(plan.requested).length + (params[NEURO_ROWS.name] === true ? ROW_LAMBDAS.length : 0);
    return candidates * 2 * cost.layers * cost.calibration * share;
  }
  if (!allocation.searches(params)) return 0;
  return cost.trial * Number(params[allocation.id === 'dsa' ? DSA_BUDGET.name : BAYES_TRIALS.name]);
}
