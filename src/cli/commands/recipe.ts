import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../../core/errors';
import { isReport, parseStoredReport } from '../../core/storedReport';
import { openModel } from '../../formats/hfModel';
import { planModel } from '../../models/inspect';
import { recipeOfModel, recipeOfReport } from '../../session/recipe';
import type { Command, CommandContext } from '../command';
import { oneModel, specFromFlags } from '../flags';
import { checkFileTarget, readUserJson, writeWhole } from '../io';
import { findRun, RUN_PREFIX } from '../keptRuns';
import { layerSparsities, openModelFiles, storedSpec } from '../session';

const DECIDING = [
  'pruner',
  'allocation',
  'sparsity',
  'beta',
  'pattern',
  'set',
  'layer-sparsity',
  'stats',
  'spec',
];

/** Writes the allocation of a run, or one that follows from a model's shape, for llm-compressor. Needs no GPU. */
export const recipeCommand: Command = {
  name: 'recipe',
  usage: 'recipe <model|DIR|report.json|run:ID> [--out F]',
  summary: 'the allocation of an export or report, or of a spec, as a recipe for llm-compressor',
  flags: [...DECIDING, 'out', 'force', 'modifier'],
  async run(context) {
    const { parsed, finish } = context;
    const stored = await storedSpec(parsed);
    const source = oneModel(parsed, stored);
    const out = parsed.values.get('out');
    if (out !== undefined) {
      await checkFileTarget('--out', out);
      if (!parsed.switches.has('force') && (await stat(out).catch(() => null)))
        throw new LabError('SpecError', `--out ${out} exists.`, 'Choose another name, or add --force.');
    }
    const report = await findReport(source);
    const yaml = report === null ? await ofModel(context, source) : ofReport(context, report);
    if (out !== undefined) await writeWhole(out, yaml);
    await finish({ recipe: yaml }, out === undefined ? yaml : `recipe written to ${out}\n`);
    return 0;
  },
};

interface Found {
  /** For messages. */
  source: string;
  value: unknown;
}

/** The report that `source` is, names or holds; null for a model. */
async function findReport(source: string): Promise<Found | null> {
  if (source.startsWith(RUN_PREFIX))
    return { source, value: (await findRun(source.slice(RUN_PREFIX.length))).report };
  if (/\.json$/i.test(source)) return { source, value: await readUserJson(source) };
  if (source === 'demo' || source.startsWith('hf:')) return null;
  const path = join(source, 'pruning.json');
  if (!(await stat(path).catch(() => null))) return null;
  const value = await readUserJson(path);
  // Other programs may have a pruning.json too.
  return isReport(value) && value.schema === 'prunelab.run/1' ? { source: path, value } : null;
}

function ofReport({ parsed }: CommandContext, { source, value }: Found): string {
  const given = DECIDING.find((flag) => parsed.values.has(flag) || parsed.lists.has(flag));
  if (given !== undefined)
    throw new LabError(
      'SpecError',
      `${source} is the report of a run, which --${given} cannot change.`,
      'Leave the flag out, or give the dense model.',
    );
  const { report } = parseStoredReport(source, value);
  // An export lists every tensor of the model, a report only what was pruned.
  const { tensors } = value as { tensors?: unknown };
  const names = typeof tensors === 'object' && tensors !== null ? Object.keys(tensors) : undefined;
  return recipeOfReport(report, names, parsed.values.get('modifier'));
}

async function ofModel({ parsed, console, signal }: CommandContext, model: string): Promise<string> {
  const { spec, layerSparsityFile } = specFromFlags(parsed, model, 0, await storedSpec(parsed));
  if (layerSparsityFile !== undefined)
    spec.layerSparsity = layerSparsities(layerSparsityFile, await readUserJson(layerSparsityFile, 64 << 20));
  const { files, name } = await openModelFiles(model, console, signal, 'headers');
  const plan = planModel(await openModel(files));
  for (const warning of plan.warnings) console.warn(warning);
  return recipeOfModel(plan, name, spec, parsed.values.get('modifier'));
}
