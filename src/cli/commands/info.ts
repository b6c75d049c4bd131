import { LabError } from '../../core/errors';
import { defaultSpec } from '../../core/spec';
import { describeFound } from '../../core/foundPruning';
import { outline } from '../../formats/describeModel';
import { openModel, type OpenedModel } from '../../formats/hfModel';
import { sha256Stream } from '../../formats/sha256';
import { PIECE_BYTES } from '../../formats/tensorBytes';
import { recordBeside, recordedHashes, scanSparsity } from '../../models/alreadyPruned';
import { planModel, type ModelPlan } from '../../models/inspect';
import { memoryJobs, pathOf, plannedTexts } from '../../session/memory/jobs';
import { planMemory } from '../../session/memory/memoryPlan';
import { planRun } from '../../session/plan';
import type { Command } from '../command';
import { oneModel } from '../flags';
import { openModelFiles } from '../session';

/** Weights up to this size are read for their zeros: seconds, from a disk. */
const SCAN_BYTES = 4 * 1024 ** 3;

/** Reads headers and config, and weights that are here once to count their zeros; needs no GPU. */
export const infoCommand: Command = {
  name: 'info',
  usage: 'info <model>',
  summary: 'what a model is and whether the lab opens it',
  flags: [],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed);
    const { files, name } = await openModelFiles(model, console, signal, 'headers');
    const opened = await openModel(files);
    try {
      const plan = planModel(opened);
      for (const warning of plan.warnings) console.warn(warning);
      const { config } = plan;
      // Weights of the Hub that are not stored here stay there.
      const here = files.remote !== true;
      const sparsity = here && opened.totalBytes <= SCAN_BYTES ? await scanSparsity(plan, signal) : null;
      const record = await recordBeside(opened, (text) => console.warn(text));
      const matches = here && record ? await filesMatch(opened, record.files, signal) : null;
      const found = sparsity && {
        ...sparsity,
        record: record && { report: record.report, matches: matches === true },
      };
      const words = found && describeFound(found);
      if (words) console.note(words);
      const described = {
        name,
        architecture: config.architecture,
        supported: true,
        reason: null,
        layers: config.layers,
        hidden: config.hidden,
        parameters: plan.parameters,
        prunable: plan.prunable.reduce((sum, m) => sum + m.count, 0),
        bytes: opened.totalBytes,
        memory: memoryOf(plan),
        dtype: plan.dtype,
        dtypes: outline(opened).dtypes,
        ...files.origin,
        context: config.context,
        vocabulary: config.vocabulary,
        /** Zeros among the prunable weights; null where the files are too large, or too far away, to be read for it. */
        sparsity,
        /** The record of an export beside the weights, and whether they are still those that were exported. */
        pruning: record && {
          id: record.report.id,
          version: record.report.version,
          base: record.report.model.name,
          baseSha256: record.report.model.sha256,
          spec: record.report.spec,
          matches,
        },
        tensors: tensorTable(opened),
        warnings: plan.warnings,
      };
      await finish(described, `${JSON.stringify(described, null, 2)}\n`);
      return 0;
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.kind === 'ModelError' && parsed.values.get('json') !== '-')
        await finish(
          { ...refused(name, opened, failure), ...files.origin },
          `${JSON.stringify({ ...refused(name, opened, failure), ...files.origin }, null, 2)}\n`,
        );
      throw failure;
    }
  },
};

/** GPU bytes of the loaded model, and at the peak of a run with default flags on hardware. */
function memoryOf(plan: ModelPlan): { loadedBytes: number; runBytes: number } {
  const spec = { ...defaultSpec(), beta: 0 };
  const run = planRun(plan, spec);
  const jobs = memoryJobs(
    [{ kind: 'run' }],
    { run, path: pathOf(run, () => 'gpu') },
    plannedTexts(spec, plan.config.context),
    false,
  );
  const device = { software: false };
  return {
    loadedBytes: planMemory(plan, device).peakBytes,
    runBytes: planMemory(plan, device, jobs).peakBytes,
  };
}

/** SHA-256 of each weight file against what the record states. */
async function filesMatch(
  opened: OpenedModel,
  files: Record<string, string>,
  signal: AbortSignal,
): Promise<boolean> {
  const stated = recordedHashes(opened, files);
  if (!stated) return false;
  for (const [i, { source }] of opened.weightFiles.entries()) {
    const hash = await sha256Stream();
    for (let at = 0; at < source.size; at += PIECE_BYTES)
      hash.update(await source.read(at, Math.min(source.size, at + PIECE_BYTES), signal));
    if (hash.finish() !== stated[i]) return false;
  }
  return true;
}

function tensorTable(opened: OpenedModel): Record<string, { dtype: string; shape: number[] }> {
  return Object.fromEntries(
    [...opened.tensors.values()].map((t) => [t.name, { dtype: t.dtype, shape: t.shape }]),
  );
}

/** What is known of a well-formed model that the lab does not open. */
function refused(name: string, opened: OpenedModel, failure: LabError): Record<string, unknown> {
  const known = outline(opened);
  return {
    name,
    architecture: known.architecture,
    supported: false,
    reason: failure.message,
    layers: null,
    hidden: null,
    parameters: null,
    prunable: null,
    bytes: opened.totalBytes,
    dtypes: known.dtypes,
    tensors: tensorTable(opened),
    warnings: opened.warnings,
  };
}
