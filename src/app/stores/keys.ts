/** Identity of results: two specs with the same key give the same figures for the model that is loaded. */
import type { LabSpec } from '../../core/spec';
import { findAllocation } from '../../pruning/allocations';

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}

/** One run. */
export function runKey(spec: LabSpec): string {
  return JSON.stringify(sortKeys(spec));
}

/** The run that a run is compared with: the same spec, every layer alike. */
export function uniformSpec(spec: LabSpec): LabSpec {
  const tilted = spec.allocation === 'atp' || spec.allocation === 'uniform' || spec.pattern !== 'free';
  if (tilted) return spec.beta === 0 ? spec : { ...spec, beta: 0 };
  const own = new Set(findAllocation(spec.allocation).params.map(({ name }) => name));
  const { layerSparsity: _, ...rest } = spec;
  const set = Object.fromEntries(Object.entries(spec.set).filter(([name]) => !own.has(name)));
  return { ...rest, allocation: 'uniform', beta: 0, set };
}

/** Whether a spec is what others are compared with. */
export function isUniform(spec: LabSpec): boolean {
  return uniformKey(spec) === runKey(spec);
}

export function uniformKey(spec: LabSpec): string {
  return runKey(uniformSpec(spec));
}

/** A sweep's points hold until anything but beta changes; how errors are looked at does not touch them. */
export function curveKey(spec: LabSpec): string {
  return runKey({ ...spec, beta: 0, stats: 'exact', errorsOn: 'calibration' });
}
