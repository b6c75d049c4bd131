/**
 * Archive formats of the compressed-tensors library: the pruned matrices without their zeros. Legacy, no program
 * of today computes on them: docs/archive.md. Which can be written, and what config.json says of it.
 */
import { LabError } from '../core/errors';

export const ARCHIVE_FORMATS = ['sparse-bitmask', 'sparse-24-bitmask'] as const;
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

/** The last version of the library that its sparse compressors were tried with here (scripts/archive/check.py). */
const LIBRARY_VERSION = '0.13.0';

/** Beside the choice of a format, wherever it is offered. */
export const ARCHIVE_STATUS =
  'Legacy: no current vLLM or transformers path opens it or turns zeros into speed; it saves bytes on disk, to be unpacked later.';

/** Why this format cannot hold the model pruned like this; null where it can. */
export function archiveObstacle(
  format: ArchiveFormat,
  model: { pattern: string; architecture: string },
): string | null {
  if (format === 'sparse-bitmask') return null;
  if (model.pattern !== '2:4')
    return `sparse-24-bitmask holds two weights of every four; the pattern is ${model.pattern === 'free' ? 'free' : model.pattern.slice(0, 20)}`;
  // GPT-2's matrices are Conv1D modules; any archive has them as the file does.
  if (/^gpt2/i.test(model.architecture))
    return 'sparse-24-bitmask counts fours along the rows of a file, and GPT-2 keeps its matrices as [inputs, outputs], where they run down the columns';
  return null;
}

/** SpecError where there is an obstacle. */
export function checkArchive(format: ArchiveFormat, model: { pattern: string; architecture: string }): void {
  const obstacle = archiveObstacle(format, model);
  if (obstacle !== null)
    throw new LabError(
      'SpecError',
      `No such archive: ${obstacle}.`,
      'Use --archive sparse-bitmask, which holds any zeros.',
    );
}

/**
 * The value of `quantization_config`. `conv1d`: the matrices lie in the files as [inputs, outputs]. `sparsity`: fraction of
 * zeros of the archived matrices.
 */
export function archiveConfig(
  format: ArchiveFormat,
  model: { conv1d: boolean; sparsity: number; tensors: ReadonlyMap<string, unknown> },
): Record<string, unknown> {
  // GPT-NeoX calls its output head embed_out; a target must not name what is dense in the file.
  const heads = model.tensors.has('embed_out.weight') ? ['lm_head', 'embed_out'] : ['lm_head'];
  return {
    quant_method: 'compressed-tensors',
    version: LIBRARY_VERSION,
    sparsity_config: {
      format,
      targets: [model.conv1d ? 'Conv1D' : 'Linear'],
      ignore: heads,
      global_sparsity: model.sparsity,
      sparsity_structure: format === 'sparse-24-bitmask' ? '2:4' : 'unstructured',
    },
    transform_config: {},
  };
}
