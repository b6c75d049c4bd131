/**
 * Whether an adapter multiplies small matrices with a whole subgroup, which WebGPU offers as an experiment behind a
 * browser's flag. A probe alone: no kernel of the lab uses it, since none could be tried on a device that has it.
 */
const FEATURE = 'chromium-experimental-subgroup-matrix';

/** As Chromium's adapter info lists them; not in the standard's types yet. */
interface Config {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

const isConfig = (value: unknown): value is Config => {
  const { componentType, resultComponentType, M, N, K } = (value ?? {}) as Partial<Config>;
  return (
    typeof componentType === 'string' &&
    typeof resultComponentType === 'string' &&
    [M, N, K].every((size) => Number.isSafeInteger(size) && Number(size) > 0)
  );
};

/**
 * The products that sum in f32, as `f16 to f32, 8 x 8 x 8` (M, N, K); [] where there are none, null where the adapter
 * does not offer the feature.
 */
export function subgroupMatrices(adapter: {
  features: { has(name: string): boolean };
  info: object;
}): string[] | null {
  if (!adapter.features.has(FEATURE)) return null;
  const { subgroupMatrixConfigs: listed } = adapter.info as { subgroupMatrixConfigs?: Iterable<unknown> };
  return [...(listed ?? [])]
    .filter(isConfig)
    .filter(
      ({ componentType: of, resultComponentType: to }) => (of === 'f32' || of === 'f16') && to === 'f32',
    )
    .map(({ componentType, M, N, K }) => `${componentType} to f32, ${M} x ${N} x ${K}`);
}
