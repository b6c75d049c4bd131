/**
 * A recipe for llm-compressor (docs/handover.md): the lab's sparsities as the per-layer list of its one-shot pruning
 * modifiers. The list is matched by position to the modules that `targets` finds, in the order of `named_modules`.
 */
import { LabError } from '../core/errors';
import { parsePattern } from '../core/spec';

/** Pruners whose choice of weights a modifier over there repeats. */
export const MODIFIERS = { wanda: 'WandaPruningModifier', sparsegpt: 'SparseGPTModifier' } as const;
export type ModifierId = keyof typeof MODIFIERS;

export interface RecipeInput {
  /** Class name of the model in transformers, for example LlamaForCausalLM. */
  architecture: string;
  modifier: ModifierId;
  /** 'free' or K:M, K kept. */
  pattern: string;
  /** Fraction of zeros asked of each block, first block first. */
  rates: readonly number[];
  /** Fraction asked of each prunable tensor by name, where those of a block differ. */
  matrices?: Readonly<Record<string, number>>;
  /** Names of the prunable tensors, `<block path>.<block>.<module>.weight`, block by block. */
  names: readonly string[];
  /** Names of all tensors of the model, where they are known. */
  tensors?: readonly string[];
  /** What this is and where it came from: comment lines at the top. */
  about: readonly string[];
}

export function isModifierId(id: string): id is ModifierId {
  return Object.hasOwn(MODIFIERS, id);
}

/** Why no recipe can give these masks over there; null where one can. Masks can always be sent instead. */
export function recipeObstacle(pruner: string, architecture: string): string | null {
  if (/^gpt2/i.test(architecture))
    return 'GPT-2 keeps its matrices in Conv1D modules, in which the modifiers of llm-compressor prune nothing';
  if (!isModifierId(pruner))
    return `llm-compressor has no one-shot modifier that chooses weights as "${pruner.slice(0, 60)}" does`;
  return null;
}

/** SpecError where there is an obstacle. */
export function checkRecipe(pruner: string, architecture: string): asserts pruner is ModifierId {
  const obstacle = recipeObstacle(pruner, architecture);
  if (obstacle !== null)
    throw new LabError('SpecError', `No recipe: ${obstacle}.`, 'Write the masks instead (--masks).');
}

/** The recipe as YAML. Numbers are not rounded. FormatError when the names do not fit the rates. */
export function recipeYaml(input: RecipeInput): string {
  checkRecipe(input.modifier, input.architecture);
  const tensors = input.names.map(parseName);
  const container = tensors[0]?.container;
  const blocks = new Set(tensors.map((t) => t.block)).size;
  if (container === undefined || tensors.some((t) => t.container !== container)) {
    throw new LabError('FormatError', 'A recipe needs prunable tensors whose names count the blocks.');
  }
  if (blocks !== input.rates.length) {
    throw new LabError('FormatError', `${input.rates.length} sparsities were given for ${blocks} blocks.`);
  }
  const pattern = parsePattern(input.pattern);
  const perMatrix = pattern === 'free' ? input.matrices : undefined;
  const ignore = ['re:.*lm_head'];
  const lines: string[] = [];
  if (pattern !== 'free') {
    lines.push(
      `# ${pattern.group - pattern.keep}:${pattern.group} here prunes ${pattern.group - pattern.keep} of ${pattern.group}; the number is asked for but not read.`,
      `sparsity: ${yamlNumber(1 - pattern.keep / pattern.group)}`,
      `mask_structure: ${yamlText(`${pattern.group - pattern.keep}:${pattern.group}`)}`,
    );
  } else if (perMatrix) {
    const { entries, ignored } = linears(tensors, perMatrix, input.tensors ?? []);
    ignore.push(...ignored);
    lines.push(
      '# One entry for each Linear of the model, in its own order; those that are ignored take one too.',
      'sparsity:',
      ...entries.map(({ module, rate }) => `  - ${yamlNumber(rate)} # ${comment(module)}`),
      `mask_structure: ${yamlText('0:0')}`,
    );
  } else {
    lines.push(
      '# One entry for each block, first to last.',
      `sparsity: [${input.rates.map(yamlNumber).join(', ')}]`,
      `mask_structure: ${yamlText('0:0')}`,
    );
  }
  // Matched from the start of a module's name: without ".*" nothing is found, without "$" a block's children are too.
  const targets = perMatrix ? ['Linear'] : [`re:.*\\.${container}\\.\\d+$`];
  lines.push(`targets: [${targets.map(yamlText).join(', ')}]`);
  lines.push(`ignore: [${ignore.map(yamlText).join(', ')}]`);
  // Their defaults, written down because the masks depend on them.
  if (input.modifier === 'sparsegpt') lines.push('block_size: 128', 'dampening_frac: 0.01');
  return [
    ...input.about.map((line) => `# ${comment(line)}`),
    'pruning_stage:',
    '  pruning_modifiers:',
    `    ${MODIFIERS[input.modifier]}:`,
    ...lines.map((line) => `      ${line}`),
    '',
  ].join('\n');
}

interface BlockTensor {
  name: string;
  /** Last part of the path of the list of blocks: "layers", "h". */
  container: string;
  block: number;
  /** Path of the module inside its block. */
  inner: string;
}

function parseName(name: string): BlockTensor {
  const found = /^(?:[\w.]+\.)?(?<container>[A-Za-z_]\w*)\.(?<block>\d{1,6})\.(?<inner>[A-Za-z_][\w.]*)\.weight$/.exec(name); // prettier-ignore
  const { container, block, inner } = found?.groups ?? {};
  if (container === undefined || block === undefined || inner === undefined)
    throw new LabError('FormatError', `"${name.slice(0, 120)}" does not name a weight of a numbered block.`);
  return { name, container, block: Number(block), inner };
}

/** Orders in which transformers declares the modules of a block, where they are not the order of pruning. */
const DECLARED: readonly (readonly string[])[] = [
  ['self_attn.o_proj', 'self_attn.qkv_proj', 'mlp.gate_up_proj', 'mlp.down_proj'], // Phi3
  ['self_attn.k_proj', 'self_attn.v_proj', 'self_attn.q_proj', 'self_attn.out_proj', 'fc1', 'fc2'], // OPT
];

/** Linears of OPT outside its blocks, where the embedding has a width of its own; declared before the blocks. */
const RE_PROJECTION = /(?:^|\.)(project_(?:in|out))\.weight$/;

/** Every Linear in the order of `named_modules`, with the head, and what must not be pruned among them. */
function linears(
  tensors: readonly BlockTensor[],
  rates: Readonly<Record<string, number>>,
  all: readonly string[],
): { entries: { module: string; rate: number }[]; ignored: string[] } {
  const projections = all
    .flatMap((name) => RE_PROJECTION.exec(name)?.[1] ?? [])
    .sort()
    .reverse();
  const inner = new Set(tensors.map((t) => t.inner));
  const order = DECLARED.find((names) => names.length === inner.size && names.every((n) => inner.has(n)));
  const place = (t: BlockTensor): number => order?.indexOf(t.inner) ?? 0;
  const sorted = [...tensors].sort((a, b) => a.block - b.block || place(a) - place(b));
  return {
    entries: [
      ...projections.map((module) => ({ module, rate: 0 })),
      ...sorted.map(({ name }) => {
        const rate = Object.hasOwn(rates, name) ? rates[name] : undefined;
        if (rate === undefined) throw new LabError('FormatError', `${name} has no sparsity.`);
        return { module: name.replace(/\.weight$/, ''), rate };
      }),
      { module: 'lm_head', rate: 0 },
    ],
    ignored: projections.map((module) => `re:.*${module}`),
  };
}

/** Always with a dot, and before an exponent too: readers of YAML 1.1 take "1e-7" for a text and 1 for an integer. */
function yamlNumber(value: number): string {
  if (!(value >= 0 && value <= 1))
    throw new LabError('FormatError', `A sparsity must be from 0 to 1, not ${value}.`);
  const [mantissa = '0', exponent] = String(value).split('e');
  const dotted = mantissa.includes('.') ? mantissa : `${mantissa}.0`;
  return exponent === undefined ? dotted : `${dotted}e${exponent}`;
}

function yamlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Names come from files: no line of a comment may end it. */
function comment(text: string): string {
  return text.replaceAll(/[^\P{C}]+|[\u2028\u2029\u0085\uFEFF]+/gu, ' ').slice(0, 400);
}
