/** Rates by hand: one per layer, or one per prunable tensor. Only a flag or a file chooses it (`--layer-sparsity`). */
import { LabError } from '../../core/errors';
import { counted } from '../../core/words';
import { defineAllocation, type AllocationInput, type MatrixSize } from './define';

type Rates = NonNullable<AllocationInput['rates']>;

/** Arrays of readonly elements do not narrow with Array.isArray alone. */
export function isPerLayer(rates: Rates): rates is readonly number[] {
  return Array.isArray(rates);
}

function checkRate(rate: unknown, where: string): asserts rate is number {
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) {
    throw new LabError(
      'SpecError',
      `The sparsity of ${where} must be a number from 0 to 1, not ${JSON.stringify(rate)}.`,
    );
  }
}

/**
 * The rate of every prunable matrix, in the order of `matrices`. Throws SpecError when a rate lies outside [0, 1], the
 * list has another length than the model has layers, or the names are not exactly the prunable ones.
 */
export function matrixRates(rates: Rates, layers: number, matrices: readonly MatrixSize[]): number[] {
  if (isPerLayer(rates)) {
    const perLayer = layerRates(rates, layers);
    return matrices.map(({ layer }) => perLayer[layer] ?? 0);
  }
  const known = new Set(matrices.map(({ name }) => name));
  const unknown = Object.keys(rates).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new LabError(
      'SpecError',
      `Layer sparsities name "${unknown}", which is no prunable matrix of this model.`,
    );
  }
  return matrices.map(({ name }) => {
    if (!Object.hasOwn(rates, name)) {
      throw new LabError(
        'SpecError',
        `Layer sparsities do not name "${name}".`,
        'Give a rate for every prunable matrix.',
      );
    }
    const rate = rates[name];
    checkRate(rate, name);
    return rate;
  });
}

function layerRates(rates: readonly number[], layers: number): number[] {
  if (rates.length !== layers) {
    throw new LabError(
      'SpecError',
      `${rates.length} layer sparsities were given for a model of ${counted(layers, 'layer')}.`,
    );
  }
  return rates.map((rate, i) => {
    checkRate(rate, `layer ${i + 1}`);
    return rate;
  });
}

export const custom = defineAllocation({
  id: 'custom',
  label: 'By hand',
  help: 'Your own rates: a curve that you draw, or a list from a file, by layer or by matrix.',
  listed: false,
  allocate({ layers, rates, matrices = [] }) {
    if (!rates)
      throw new LabError(
        'SpecError',
        'The allocation "custom" needs rates.',
        'Give them with --layer-sparsity.',
      );
    if (isPerLayer(rates)) return layerRates(rates, layers);
    return { matrices: matrixRates(rates, layers, matrices) };
  },
});
