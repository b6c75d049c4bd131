import { expect, test } from 'vitest';
import { subgroupMatrices } from './subgroupMatrix';

const offers = new Set(['subgroups', 'chromium-experimental-subgroup-matrix']);
const config = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 8, K: 16 };

test('without the feature there is nothing to know', () => {
  expect(
    subgroupMatrices({ features: new Set(['subgroups']), info: { subgroupMatrixConfigs: [config] } }),
  ).toBe(null);
});

test('products that sum in f32 are named, others and what makes no sense are left out', () => {
  const subgroupMatrixConfigs = [
    config,
    { ...config, componentType: 'f32', M: 8, N: 8, K: 8 },
    { ...config, resultComponentType: 'f16' },
    { ...config, componentType: 'u8' },
    { ...config, K: 0 },
    null,
  ];
  expect(subgroupMatrices({ features: offers, info: { subgroupMatrixConfigs } })).toEqual([
    'f16 to f32, 16 x 8 x 16',
    'f32 to f32, 8 x 8 x 8',
  ]);
  expect(subgroupMatrices({ features: offers, info: {} })).toEqual([]);
});
