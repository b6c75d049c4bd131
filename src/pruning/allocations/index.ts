/** All allocations. A new one is a file here and a line in this list; menus, URL, flags and tests follow from it. */
import { LabError } from '../../core/errors';
import { alphapruning } from './alphapruning';
import { als } from './als';
import { atp } from './atp';
import { bayesian } from './bayesian';
import { custom } from './custom';
import type { Allocation } from './define';
import { dsa } from './dsa';
import { erPlus } from './er-plus';
import { er } from './er';
import { erk } from './erk';
import { globalAllocation } from './global';
import { lamp } from './lamp';
import { neuronal } from './neuronal';
import { owl } from './owl';
import { uniform } from './uniform';

const REGISTERED = [
  atp,
  uniform,
  owl,
  alphapruning,
  als,
  dsa,
  er,
  erk,
  erPlus,
  globalAllocation,
  lamp,
  neuronal,
  bayesian,
  custom,
] as const;

export type AllocationId = (typeof REGISTERED)[number]['id'];

export const allocations: readonly Allocation<AllocationId>[] = REGISTERED;

/** The allocation of that id; SpecError naming the known ones otherwise. */
export function findAllocation(id: string): Allocation<AllocationId> {
  const found = allocations.find((allocation) => allocation.id === id);
  if (found) return found;
  const known = allocations.map((allocation) => allocation.id).join(', ');
  throw new LabError('SpecError', `There is no allocation "${id.slice(0, 80)}".`, `Use one of ${known}.`);
}

export { atpRates, betaGrid, betaMax, checkBeta, isLegalBeta, withControl } from './atp';
export { matrixRates } from './custom';
export { distinctMixed, MIXED_GROUP, mixedKeeps } from './mixed';
export { ALLOCATION_PARAMS } from './define';
export { fitRowZeros, weightedMean, wholeZeros } from './postprocess';
export type { Allocation, AllocationInput, AllocationResult, MatrixSize } from './define';
