import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { defaultSpec, type LabSpec } from '../core/spec';
import { openModel } from '../formats/hfModel';
import { nodeFiles } from '../formats/nodeFiles.node';
import { planModel, type ModelPlan } from '../models/inspect';
import { planRun, ratesFor } from './plan';
import { recipeOfModel, recipeOfReport, type RecipeSource } from './recipe';

/** Names as transformers declares them (scripts/handover/modules.py). */
const { models: modules } = JSON.parse(readFileSync('src/testing/fixtures/modules.json', 'utf8')) as {
  models: Record<string, { linear: string[] }>;
};

interface Settings {
  sparsity: number | number[];
  targets: string[];
}

function settings(yaml: string, modifier = 'WandaPruningModifier'): Settings {
  const { pruning_stage: stage } = parse(yaml) as {
    pruning_stage: { pruning_modifiers: Record<string, Settings> };
  };
  return stage.pruning_modifiers[modifier] as Settings;
}

async function planOf(fixture: string): Promise<ModelPlan> {
  return planModel(await openModel(await nodeFiles(`src/testing/fixtures/${fixture}`)));
}

const specOf = (change: Partial<LabSpec>): LabSpec => ({ ...defaultSpec(), model: 'm', ...change });

function reportOf(model: ModelPlan, spec: LabSpec): RecipeSource {
  const beta = spec.beta === 'auto' ? 0 : spec.beta;
  return {
    id: 'run',
    version: '1',
    spec,
    model: { name: 'm', architecture: model.config.architecture },
    allocation: ratesFor(model, planRun(model, spec), beta).allocation,
    sparsity: { matrices: Object.fromEntries(model.prunable.map((m) => [m.name, {}])) },
  };
}

describe('a recipe', () => {
  test('has the very numbers of the allocation, from the report as from the model', async () => {
    const model = await planOf('deep');
    const spec = specOf({ sparsity: 0.7, beta: 0.031 });
    const { sparsity } = ratesFor(model, planRun(model, spec), 0.031).allocation;
    const ofReport = settings(recipeOfReport(reportOf(model, spec)));
    expect(ofReport).toMatchObject({ sparsity, targets: ['re:.*\\.layers\\.\\d+$'] });
    expect(new Set(sparsity).size).toBe(9);
    expect(settings(recipeOfModel(model, 'm', spec))).toEqual(ofReport);
  });

  test('follows rates by matrix, which the allocation record holds', async () => {
    const model = await planOf('two-block');
    const layerSparsity = Object.fromEntries(model.prunable.map((m, i) => [m.name, i / 20]));
    const report = reportOf(model, specOf({ allocation: 'custom', layerSparsity }));
    const expected = { sparsity: [...Object.values(layerSparsity), 0], targets: ['Linear'] };
    expect(settings(recipeOfReport(report))).toMatchObject(expected);
    expect(settings(recipeOfModel(model, 'm', report.spec))).toMatchObject(expected);
  });

  test.each(['qwen3', 'gemma3', 'stablelm', 'olmo2', 'smollm3', 'gpt_neox', 'opt', 'phi3'])(
    '%s: rates by matrix stand in the order of the Linears in transformers',
    async (fixture) => {
      const model = await planOf(fixture);
      const layerSparsity = Object.fromEntries(model.prunable.map((m) => [m.name, 0.5]));
      const yaml = recipeOfModel(model, 'm', specOf({ allocation: 'custom', layerSparsity }));
      const entries = [...yaml.matchAll(/^ +- \S+ # (\S+)$/gm)].map(([, module]) => module ?? '');
      const { linear } = modules[fixture === 'gemma3' ? 'gemma3_text' : fixture] ?? {};
      const inFirst = (names: string[] = []): string[] => names.filter((name) => name.includes('.0.'));
      expect(inFirst(entries)).toEqual(inFirst(linear));
      expect(entries).toHaveLength(model.prunable.length + 1);
      expect(entries.at(-1)).toBe('lm_head');
    },
  );

  test('says where the lab did otherwise', async () => {
    const model = await planOf('two-block');
    const spec = specOf({ stats: 'dense', set: { exactBudget: true, select: 'cpu' } });
    const yaml = recipeOfModel(model, 'm', spec, 'sparsegpt');
    expect(yaml).toContain('propagate_error=False');
    expect(yaml).toContain('counts may differ: exactBudget=true.');
    expect(yaml).toContain('chosen by SparseGPTModifier, not by wanda');
    expect(settings(yaml, 'SparseGPTModifier').sparsity).toEqual([0.7, 0.7]);
    expect(recipeOfModel(model, 'm', specOf({}))).not.toMatch(/propagate_error|may differ|not by/);
  });

  test('warns of Phi-3, whose masks differ over there', async () => {
    expect(recipeOfModel(await planOf('phi3'), 'm', specOf({}))).toContain(
      '# Phi-3: the zeros will be equal',
    );
    expect(recipeOfModel(await planOf('qwen3'), 'm', specOf({}))).not.toContain('Phi-3');
  });

  test('another modifier takes the allocation of any pruner; its own takes none', async () => {
    const model = await planOf('two-block');
    const report = reportOf(model, specOf({ pruner: 'magnitude', beta: 0.1 }));
    expect(() => recipeOfReport(report)).toThrow(/no one-shot modifier/);
    expect(settings(recipeOfReport(report, undefined, 'wanda')).sparsity).toEqual(
      report.allocation?.sparsity,
    );
    expect(() => recipeOfReport(report, undefined, 'magnitude')).toThrow(/no modifier "magnitude"/);
  });

  test('needs a run, and a beta that is a number', async () => {
    const model = await planOf('two-block');
    const { allocation, ...rest } = reportOf(model, specOf({}));
    expect(allocation).toBeDefined();
    expect(() => recipeOfReport(rest)).toThrow(/no pruning run/);
    expect(() => recipeOfModel(model, 'm', specOf({ beta: 'auto' }))).toThrow(/needs a sweep/);
  });
});
