/** What hardware alone uses; also every product that it may take for some shape, so that a wrong one is passed over. */
import type { GpuContext } from '../../gpu/context';
import { firstUsable } from '../../ops/choose';
import { matmulSupported, type MatmulVariant } from '../../ops/matmulVariants';
import type { KernelCheck } from './check';
import { DTYPES, matmulCheck, tilesCheck } from './forwardChecks';
import { SELECT_CHECKS } from './selectChecks';

const VARIANTS: readonly MatmulVariant[] = ['tile128x64', 'tile64x64', 'tile32x32', 'tiled', 'subgroup'];

/** Two shards, ragged in every direction, more than one tile of each, two steps of k and a part. */
const [M, N, K] = [131, 72, 76];

export function hardwareChecks(ctx: GpuContext): KernelCheck[] {
  const products = VARIANTS.filter((v) => matmulSupported(ctx, v, K)).flatMap((variant) =>
    DTYPES.map((dtype): KernelCheck => ({
      ...matmulCheck(dtype, M, N, K),
      variants: () => [variant],
      choose: () => firstUsable(ctx, 'matmul', [variant]),
      // Those after it in the order.
      fallback: `matmul.${variant}`,
    })),
  );
  // Wide heads, which other constants compile.
  return [...SELECT_CHECKS, ...products, tilesCheck(128, 35), tilesCheck(256, 33)];
}
