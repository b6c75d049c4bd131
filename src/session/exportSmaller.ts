/** Exports without the heads and channels that a run's masks remove: a smaller model, its tensors cut from the originals. */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import type { LabSpec } from '../core/spec';
import type { ExportRequest } from '../formats/exportFolder';
import type { WrittenWeights } from '../formats/exportWriter';
import { sliceTensor } from '../formats/sliceTensor';
import { wholeTensor } from '../formats/tensorBytes';
import type { Recorder } from '../gpu/recorder';
import type { ModelPlan } from '../models/inspect';
import type { LayerMasks } from '../pruning/masks';
import { fullMask, groupsWithout, maskGroups, type MaskWords } from '../pruning/structured/choose';
import { groupFamilies } from '../pruning/structured/groups';
import { smallerModel, type RemovedGroups } from '../pruning/structured/smaller';
import type { RunPlan } from './plan';

/**
 * Whether the export of this plan is a smaller model. SpecError, before any work, where none can come of it; what
 * depends on the masks is said when they are there.
 */
export function checkSmaller(
  model: ModelPlan,
  plan: RunPlan,
  options: { masks: boolean; recipe?: boolean; ggufType?: string; archive?: string },
): boolean {
  if (plan.params['shrink'] !== true) return false;
  const { spec } = plan;
  if (options.masks || options.recipe || options.ggufType || options.archive)
    throw new LabError(
      'SpecError',
      'Masks, recipes, archives and GGUF files are of a model whose tensors have their full size; a smaller model was asked for.',
      'Leave them out, or use --set shrink=false.',
    );
  const range = plan.pruner.range?.(plan.params, model.config.layers);
  const whole = !range || (range.first === 0 && range.last === model.config.layers - 1);
  if (!whole || !mayBeEqual(spec))
    throw new LabError(
      'SpecError',
      `A smaller model needs every layer to lose as many heads and channels, since its config knows one size for all; ${whole ? `the allocation "${spec.allocation}" takes` : 'a range of layers would have it take'} more from some.`,
      'Use --allocation uniform and all layers, or --set shrink=false for zeros in place of what is removed.',
    );
  return true;
}

/** Lists by hand are judged by what comes of them. */
function mayBeEqual({ allocation, beta, layerSparsity }: LabSpec): boolean {
  return layerSparsity !== undefined || allocation === 'uniform' || (allocation === 'atp' && beta === 0);
}

export interface SmallerExport extends Required<Pick<ExportRequest, 'changed' | 'smaller'>> {
  /** The report, with what was removed, once the weights are written. VerifyError where they are not what was measured. */
  report(measured: RunReport, written: WrittenWeights): RunReport;
}

/** What the masks of a run remove, as an export. SpecError where transformers could not open it. */
export async function smallerExport(
  rec: Recorder,
  plan: ModelPlan,
  masks: readonly LayerMasks[],
): Promise<SmallerExport> {
  const removed = await removedByMasks(rec, plan, masks);
  const { tensors, shapes, config, parameters } = smallerModel(plan, removed);
  return {
    smaller: {
      shapes,
      config: Object.fromEntries(Object.entries(config).map(([key, { after }]) => [key, after])),
    },
    async changed(name) {
      const found = tensors.get(name);
      if (!found) return null;
      const { tensor, rows, cols } = found;
      const bytes = await wholeTensor(tensor.entry);
      const width = DTYPE_BYTES[tensor.entry.dtype];
      return tensor.transposed
        ? sliceTensor(bytes, { rows: tensor.cols, cols: tensor.rows }, width, { rows: cols, cols: rows })
        : sliceTensor(bytes, tensor, width, { rows, cols });
    },
    report(measured, written) {
      checkCounts(measured, written);
      const after = written.files
        .filter(({ path }) => path.endsWith('.safetensors'))
        .reduce((sum, { bytes }) => sum + bytes, 0);
      const bytes = { before: plan.opened.totalBytes, after };
      return { ...measured, structured: { ...removed, parameters, bytes, config } };
    },
  };
}

/** The zeros that were measured are those that are gone and those that the written tensors still hold. */
function checkCounts(measured: RunReport, written: WrittenWeights): void {
  for (const [name, { zeros, count }] of Object.entries(written.matrices)) {
    const said = measured.sparsity?.matrices[name];
    if (!said || zeros + (said.count - count) !== said.zeros)
      throw new LabError(
        'VerifyError',
        `${name}: ${zeros} zeros of ${count} weights were written where ${said?.zeros ?? 'none'} of ${said?.count ?? 0} were measured.`,
        'Run again; report this when it happens twice.',
      );
  }
}

/** The groups without a kept weight; everything else must be kept. */
async function removedByMasks(
  rec: Recorder,
  plan: ModelPlan,
  masks: readonly LayerMasks[],
): Promise<RemovedGroups> {
  const removed: RemovedGroups = { heads: [], channels: [] };
  const families = groupFamilies(plan.config);
  for (const layer of masks) {
    const found: Record<string, MaskWords> = {};
    const again: Record<string, MaskWords> = {};
    for (const [name, { buffer, rows, cols, wordsPerRow }] of Object.entries(layer)) {
      const words = new Uint32Array(await rec.read(buffer, 0, rows * wordsPerRow * 4));
      found[name] = { rows, cols, words };
      again[name] = fullMask(rows, cols);
    }
    for (const family of families) {
      const groups = groupsWithout(found, family);
      removed[family.kind].push(groups);
      maskGroups(again, family, groups);
    }
    for (const [name, { words }] of Object.entries(found))
      if (again[name]?.words.some((word, i) => word !== words[i]))
        throw new LabError('InternalError', `The mask of ${name} is not one of whole heads and channels.`);
  }
  return removed;
}
