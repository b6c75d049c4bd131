import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from '../../core/errors';
import { parseStoredSpec } from '../../core/storedSpec';
import { openModel } from '../../formats/hfModel';
import { planModel } from '../../models/inspect';
import { recipeOfModel, recipeOfReport, type RecipeSource } from '../../session/recipe';
import type { Command, CommandContext } from '../command';
import { oneModel, specFromFlags } from '../flags';
import { checkFileTarget, readUserJson, writeWhole } from '../io';
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
  usage: 'recipe <model|DIR|report.json> [--out F]',
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
    const report = await readReport(source);
    const yaml = report === null ? await ofModel(context, source) : ofReport(context, report);
    if (out !== undefined) await writeWhole(out, yaml);
    await finish({ recipe: yaml }, out === undefined ? yaml : `recipe written to ${out}\n`);
    return 0;
  },
};

/** The report that `source` is or holds, and its path; null for a model. */
async function readReport(source: string): Promise<{ path: string; value: unknown } | null> {
  if (/\.json$/i.test(source)) return { path: source, value: await readUserJson(source) };
  if (source === 'demo' || source.startsWith('hf:')) return null;
  const path = join(source, 'pruning.json');
  if (!(await stat(path).catch(() => null))) return null;
  const value = await readUserJson(path);
  // Other programs may have a pruning.json too.
  const isReport =
    typeof value === 'object' && value !== null && 'schema' in value && value.schema === 'prunelab.run/1';
  return isReport ? { path, value } : null;
}

const rate = z.number().min(0).max(1);
const text = z.string().max(1000);
const reportSchema = z.object({
  schema: z.literal('prunelab.run/1'),
  id: text,
  version: text,
  model: z.object({ name: text, architecture: text }),
  allocation: z.object({
    id: text,
    params: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])),
    sparsity: z.array(rate),
    matrices: z.record(z.string(), rate).optional(),
    betaMax: z.number().nullable(),
  }),
  sparsity: z.object({ matrices: z.record(z.string(), z.unknown()) }),
  texts: z
    .object({ calibration: z.object({ sha256: text, windows: z.number(), window: z.number() }).optional() })
    .optional(),
  tensors: z.record(z.string(), z.unknown()).optional(),
});

function ofReport({ parsed }: CommandContext, { path, value }: { path: string; value: unknown }): string {
  const given = DECIDING.find((flag) => parsed.values.has(flag) || parsed.lists.has(flag));
  if (given !== undefined)
    throw new LabError(
      'SpecError',
      `${path} is the report of a run, which --${given} cannot change.`,
      'Leave the flag out, or give the dense model.',
    );
  const result = reportSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new LabError(
      'FormatError',
      `${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not a report'}.`,
      'Give the report of "prunelab prune" or "prunelab sweep", or an exported folder.',
    );
  }
  const source: RecipeSource = { ...result.data, spec: parseStoredSpec(path, value) };
  const { tensors } = result.data;
  return recipeOfReport(source, tensors && Object.keys(tensors), parsed.values.get('modifier'));
}

async function ofModel({ parsed, console, signal }: CommandContext, model: string): Promise<string> {
  const { spec, layerSparsityFile } = specFromFlags(parsed, model, 0, await storedSpec(parsed));
  if (layerSparsityFile !== undefined)
    spec.layerSparsity = layerSparsities(layerSparsityFile, await readUserJson(layerSparsityFile, 64 << 20));
  const { files, name } = await openModelFiles(model, console, signal);
  const plan = planModel(await openModel(files));
  for (const warning of plan.warnings) console.warn(warning);
  return recipeOfModel(plan, name, spec, parsed.values.get('modifier'));
}
