import { LabError } from '../../core/errors';
import { STORAGE_FORMATS, type StorageFormat } from '../../core/sparseSizes';
import type { LabSpec } from '../../core/spec';
import { findAllocation } from '../../pruning/allocations';
import type { SpeedRecord, SpeedRequest } from '../../core/speed';
import type { JobIo, Lab } from '../lab';
import { measureSpeed, type SpeedCase } from './measure';

/**
 * What a spec is measured beside: uniform rates at the same sparsity come first where its own are others. A beta that
 * is still to be searched is half of the largest, which is far from uniform; speed knows no best beta.
 */
export function speedCases(lab: Lab, spec: LabSpec): SpeedCase[] {
  const { hasBeta, betaMax } = lab.plan({ ...spec, beta: 0 });
  const half = Math.floor(5000 * (betaMax ?? 0)) / 10000;
  const beta = spec.beta === 'auto' ? (hasBeta ? half : 0) : spec.beta;
  const pattern = spec.pattern === 'free' ? '' : ` ${spec.pattern}`;
  const own: SpeedCase = {
    name: `${spec.allocation}${hasBeta ? `, beta ${beta}` : ''}${pattern}`,
    pruning: { spec: { ...spec, beta }, beta },
  };
  // Groups fix the rates, and beta 0 is uniform.
  const uniform = spec.allocation === 'uniform' || spec.pattern !== 'free' || (hasBeta && beta === 0);
  if (uniform) return [own];
  const { layerSparsity: _, ...rest } = spec;
  const params = findAllocation(spec.allocation).params.map(({ name }) => name);
  const set = Object.fromEntries(Object.entries(spec.set).filter(([name]) => !params.includes(name)));
  const plain: LabSpec = { ...rest, allocation: 'uniform', beta: 0, set };
  return [{ name: 'uniform', pruning: { spec: plain, beta: 0 } }, own];
}

/** The speed of a spec, beside uniform rates. */
export function speedOf(lab: Lab, spec: LabSpec, request: SpeedRequest, io: JobIo): Promise<SpeedRecord> {
  return measureSpeed(lab, speedCases(lab, spec), request, io);
}

/** A comma list of formats; SpecError on one that there is not. */
export function parseFormats(text: string): StorageFormat[] {
  return text.split(',').map((part) => {
    const found = STORAGE_FORMATS.find((format) => format === part.trim());
    if (!found)
      throw new LabError(
        'SpecError',
        `--formats: there is no format "${part.trim().slice(0, 40)}".`,
        `Use some of ${STORAGE_FORMATS.join(', ')}.`,
      );
    return found;
  });
}
