import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkRecipe, MODIFIERS, recipeObstacle, recipeYaml, type RecipeInput } from './recipe';

interface Modules {
  models: Record<string, { architecture: string; modules: string[]; linear: string[] }>;
}
/** Names as transformers declares them (scripts/handover/modules.py). */
const { models } = JSON.parse(readFileSync('src/testing/fixtures/modules.json', 'utf8')) as Modules;

interface Settings {
  sparsity: number | number[];
  mask_structure: string;
  targets: string[];
  ignore: string[];
  block_size?: number;
  dampening_frac?: number;
}

function settings(yaml: string, modifier: string = MODIFIERS.wanda): Settings {
  const parsed = parse(yaml, { version: '1.1' }) as {
    pruning_stage: { pruning_modifiers: Record<string, Settings> };
  };
  expect(Object.keys(parsed)).toEqual(['pruning_stage']);
  expect(Object.keys(parsed.pruning_stage)).toEqual(['pruning_modifiers']);
  expect(Object.keys(parsed.pruning_stage.pruning_modifiers)).toEqual([modifier]);
  return parsed.pruning_stage.pruning_modifiers[modifier] as Settings;
}

/** As llm-compressor matches a target: "re:" from the start of the name, else the name or class. */
const matches = (target: string, name: string): boolean =>
  target.startsWith('re:') ? new RegExp(target.slice(3), 'y').test(name) : target === name;

const inBlock = (name: string): boolean => /\.\d+\./.test(name);

function input(type: string, more: Partial<RecipeInput> = {}): RecipeInput {
  const model = models[type];
  if (!model) throw new Error(type);
  return {
    architecture: model.architecture,
    modifier: 'wanda',
    pattern: 'free',
    rates: [0.1 + 0.2, 0.7],
    names: model.linear.filter(inBlock).map((name) => `${name}.weight`),
    tensors: model.linear.map((name) => `${name}.weight`),
    about: [],
    ...more,
  };
}

const usable = Object.keys(models).filter((type) => type !== 'gpt2');

describe('rates by block', () => {
  test('the whole file', () => {
    expect(recipeYaml(input('llama', { about: ['one line'] }))).toBe(`# one line
pruning_stage:
  pruning_modifiers:
    WandaPruningModifier:
      # One entry for each block, first to last.
      sparsity: [0.30000000000000004, 0.7]
      mask_structure: '0:0'
      targets: ['re:.*\\.layers\\.\\d+$']
      ignore: ['re:.*lm_head']
`);
  });

  test.each(usable)('%s: the target finds the blocks, in order, and nothing else', (type) => {
    const { targets } = settings(recipeYaml(input(type)));
    const found = models[type]?.modules.filter((name) => targets.some((target) => matches(target, name)));
    expect(found?.map((name) => name.split('.').at(-1))).toEqual(['0', '1']);
    // Every Linear that is pruned lies below one of them, and no other does.
    const below = models[type]?.linear.filter((name) => found?.some((block) => name.startsWith(`${block}.`)));
    expect(below).toEqual(models[type]?.linear.filter(inBlock));
  });

  test('files without the prefix of the causal model target the same', () => {
    const names = input('llama').names.map((name) => name.replace(/^model\./, ''));
    expect(recipeYaml(input('llama', { names }))).toBe(recipeYaml(input('llama')));
  });

  test('numbers come back as the same f64 from YAML 1.1, where 1e-7 is a text and 1 no float', () => {
    const rates = [0, 1, 1e-7, 5e-324, 1.25e-10, 0.1 + 0.2, 1 / 3, 0.9999999999999999];
    const names = rates.map((_, i) => `model.layers.${i}.mlp.up_proj.weight`);
    const yaml = recipeYaml(input('llama', { rates, names }));
    expect(settings(yaml).sparsity).toEqual(rates);
    // What PyYAML resolves as a float.
    const list = /sparsity: \[(.*)\]/.exec(yaml)?.[1]?.split(', ') ?? [];
    expect(list).toHaveLength(rates.length);
    for (const number of list) expect(number).toMatch(/^\d[\d_]*\.[\d_]*([eE][-+]\d+)?$/);
  });
});

describe('rates by matrix', () => {
  test.each(usable)('%s: an entry for every Linear, in declaration order, the head too', (type) => {
    const given = input(type);
    // Pruning order is not declaration order everywhere: names are handed in by the alphabet where a table has them.
    const names = ['phi3', 'opt'].includes(type) ? [...given.names].sort() : given.names;
    const matrices = Object.fromEntries(names.map((name, i) => [name, (i + 1) / 100]));
    const yaml = recipeYaml({ ...given, names, matrices });
    const { sparsity, targets, ignore } = settings(yaml);
    expect(targets).toEqual(['Linear']);
    const expected = models[type]?.linear.map((name) => matrices[`${name}.weight`] ?? 0);
    expect(sparsity).toEqual(expected);
    // The modifier asks with a dot behind the name of a target that is a Linear itself.
    const ignored = models[type]?.linear.filter((name) =>
      ignore.some((target) => matches(target, `${name}.`)),
    );
    expect(ignored).toEqual(models[type]?.linear.filter((name) => !inBlock(name)));
  });

  test('a matrix without a rate is an error', () => {
    expect(() => recipeYaml(input('llama', { matrices: {} }))).toThrow(/q_proj\.weight has no sparsity/);
  });
});

describe('K:M, modifiers, refusals', () => {
  test('N:M prunes N: what is kept here is what is left there', () => {
    expect(settings(recipeYaml(input('llama', { pattern: '1:4', rates: [0.75, 0.75] })))).toMatchObject({
      sparsity: 0.75,
      mask_structure: '3:4',
    });
  });

  test('SparseGPT comes with its block and dampening', () => {
    const yaml = recipeYaml(input('llama', { modifier: 'sparsegpt' }));
    expect(settings(yaml, MODIFIERS.sparsegpt)).toMatchObject({ block_size: 128, dampening_frac: 0.01 });
  });

  test('pruners and architectures that no modifier serves', () => {
    expect(recipeObstacle('wanda', 'LlamaForCausalLM')).toBeNull();
    expect(() => checkRecipe('magnitude', 'LlamaForCausalLM')).toThrow(/no one-shot modifier .* "magnitude"/);
    expect(() => checkRecipe('constructor', 'LlamaForCausalLM')).toThrow(/no one-shot modifier/);
    expect(() => recipeYaml(input('gpt2'))).toThrow(/Conv1D/);
  });

  test('names of hostile files neither end a comment nor reach the target', () => {
    const yaml = recipeYaml(input('llama', { about: ['a\nb: c\u2028d\u0085e\u0000f'] }));
    expect(yaml.split(/[\n\u2028\u0085]/)[0]).toBe('# a b: c d e f');
    for (const name of ["x.la'yers.0.q.weight", 'layers.zero.q.weight', 'layers.0.weight', ''])
      expect(() => recipeYaml(input('llama', { names: [name], rates: [0.5] }))).toThrow(
        /does not name a weight/,
      );
    expect(() => recipeYaml(input('llama', { rates: [0.5] }))).toThrow(/1 sparsities .* 2 blocks/);
    expect(() => recipeYaml(input('llama', { rates: [0.5, 1.5] }))).toThrow(/from 0 to 1/);
  });
});
