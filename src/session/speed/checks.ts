import type { StorageFormat } from '../../core/sparseSizes';
import type { Lab } from '../lab';
import { runChecks } from '../selfTest';
import { PACKED_CHECKS } from '../selfTest/packedChecks';

/** Formats that no kernel serves on this adapter, and which cases fail; the kernels are tried here, on their first use. */
export async function failedFormats(
  lab: Lab,
  formats: readonly StorageFormat[],
): Promise<Map<StorageFormat, string>> {
  const { layers } = lab.loaded.engine.model;
  const dtypes = new Set(layers.flatMap(({ matrices }) => Object.values(matrices).map(({ dtype }) => dtype)));
  const failed = new Map<StorageFormat, string>();
  for (const format of formats) {
    const wanted = PACKED_CHECKS.filter(
      ({ what }) => what.startsWith(`${format} `) && [...dtypes].some((dtype) => what.endsWith(` ${dtype}`)),
    );
    const wrong = await runChecks(lab.ctx, wanted);
    if (wrong.length > 0)
      failed.set(format, `No kernel gives right results on this adapter (${wrong.join(', ')}).`);
  }
  return failed;
}
