/** README.md of an exported model: what was done, measured, and how to do it again. */
import type { RunReport, StructuredRecord } from '../core/report';
import { DEFAULT_SPEC, type LabSpec } from '../core/spec';
import { counted } from '../core/words';
import type { OpenedModel } from './hfModel';
import { readText } from './json';

export interface BaseCard {
  /** As written in the base model's own card, null when unknown. */
  license: string | null;
  licenseName: string | null;
  /** What the weights were read from where that was a GGUF file, for example "Q4_1, Q8_0". */
  ggufTypes?: string;
}

/** A pruner or an allocation as people are told of it. */
export interface MethodText {
  label: string;
  /** What it does, in a sentence or two. */
  help: string;
  citation: string | null;
}

export interface Methods {
  pruner: MethodText;
  allocation: MethodText;
  /** Whether kept weights change. */
  updates: boolean;
  /** Whether a calibration text runs through the layers. */
  needsInputs: boolean;
}

const MAX_CARD_BYTES = 1 << 20;

/** The licence from the front matter of the base model's README.md. */
export async function readBaseCard(model: OpenedModel): Promise<BaseCard> {
  const card = await readCardFile(model);
  if (!model.gguf) return card;
  const types = new Set([...model.gguf.tensors.values()].map((t) => t.tensor.type.name));
  const license = card.license ?? model.gguf.meta.text('general.license') ?? null;
  return { ...card, license: license?.slice(0, 60) ?? null, ggufTypes: [...types].sort().join(', ') };
}

async function readCardFile(model: OpenedModel): Promise<BaseCard> {
  const entry = model.files.paths.find((f) => f.path === 'README.md');
  if (!entry || entry.size > MAX_CARD_BYTES) return { license: null, licenseName: null };
  const text = await readText(await model.files.open('README.md'), MAX_CARD_BYTES).catch(() => '');
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? '';
  const field = (key: string): string | null =>
    new RegExp(`^${key}:[ \\t]*["']?([\\w .+-]{1,60}?)["']?[ \\t]*$`, 'm').exec(front)?.[1] ?? null;
  return { license: field('license'), licenseName: field('license_name') };
}

/** The legacy format of the weight files, their bytes, and those of the dense files that they stand for. */
export interface ArchiveNote {
  format: string;
  before: number;
  after: number;
}

/** Markdown with YAML front matter. */
export function modelCard(
  report: RunReport,
  base: BaseCard,
  methods: Methods,
  archive?: ArchiveNote,
): string {
  const { spec, model, perplexity, sparsity, texts } = report;
  const hub = hubId(spec.model);
  const front = [
    '---',
    ...(hub ? [`base_model: ${hub}`] : []),
    ...(base.license ? [`license: ${yamlWord(base.license)}`] : []),
    ...(base.license === 'other' && base.licenseName ? [`license_name: ${base.licenseName}`] : []),
    `library_name: ${report.exported ? 'gguf' : 'transformers'}`,
    'pipeline_tag: text-generation',
    'tags:',
    ...['pruning', 'sparse', spec.pruner, spec.allocation]
      .filter(unique)
      .map((tag) => `  - ${yamlWord(tag)}`),
    '---',
  ];
  const title = hub ?? model.name;
  const licence = base.licenseName ?? base.license;
  const rows: [string, string][] = [
    ['base model', plain(title)],
    [
      'licence of the base model',
      licence ? plain(licence) : 'not stated beside its weights; look it up before sharing',
    ],
    ['pruner', plain(spec.pruner)],
    ['allocation over layers', allocationText(report)],
    [
      'pattern',
      spec.pattern === 'free'
        ? report.structured
          ? 'whole heads and channels'
          : 'unstructured'
        : `${plain(spec.pattern.replace(':', ' of every '))} consecutive inputs are kept`,
    ],
    ...(sparsity
      ? ([
          ['zeros asked for', percent(sparsity.requested)],
          [
            report.structured ? 'taken out' : 'zeros in the files',
            `${percent(sparsity.achieved)} of the prunable weights`,
          ],
        ] as [string, string][])
      : []),
    ['perplexity before', figure(perplexity.dense)],
    ['perplexity after', figure(perplexity.pruned ?? null)],
    ...exportedRows(report),
    ...seedRows(report),
    ...divergenceRows(report),
    [
      'measured on',
      `${plain(texts.report.source)}: ${counted(perplexity.windows, 'window')} of ${perplexity.window} tokens`,
    ],
    [
      'calibrated on',
      `${plain(texts.calibration.source)}: ${counted(texts.calibration.windows, 'window')} of ${texts.calibration.window} tokens`,
    ],
  ];
  return `${front.join('\n')}

# ${plain(title)}, pruned

${plain(title)} with ${sparsity ? percent(sparsity.achieved) : 'some'} of the weights of its blocks ${report.structured ? 'taken out, whole heads and MLP channels,' : 'set to zero,'} by Prunelab ${plain(report.version)}. The other weights are ${weightsNote(report, base, methods)}.

| | |
| --- | --- |
${rows.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}

Perplexities are comparable only with figures on the same text and window.

${report.structured ? smallerNote(report.structured) : archive ? archiveText(archive) : DENSE_NOTE}

## How it was made

${methodText(spec, methods)}

Again, with Prunelab:

    ${commandText(spec)}${report.exported ? ` --format gguf --gguf-type ${shellWord(report.exported.type)}` : ''}${archive ? ` --archive ${archive.format}` : ''}

\`pruning.json\` holds the whole report: the experiment, the sparsity of every layer and matrix, and SHA-256 of every file and tensor. \`prunelab verify DIR\` checks this folder against it; \`prunelab prune MODEL --spec pruning.json --out DIR\` runs the same experiment.

## Citation

${citations(methods)
  .map((line) => `- ${line}`)
  .join('\n')}
`;
}

const DENSE_NOTE = `## What it is not

Neither smaller nor faster: the zeros are stored as dense weights, so that every program opens the model as it is. Sparse kernels or formats are needed to gain from them.`;

function archiveText({ format, before, after }: ArchiveNote): string {
  return `## What it is

A legacy archive, \`${format}\` of the compressed-tensors library: the weight files hold the pruned matrices without their zeros, ${after} bytes in place of ${before}. Current versions of transformers and vLLM do not open it, and nothing runs faster for it; the compressors of compressed-tensors 0.13 unpack it into dense weights. The same model for any program is made by the command below without \`--archive\`.`;
}

/** What was really removed. The figures were measured with zeros in its place, which gives the same outputs. */
function smallerNote({ heads, channels, parameters, bytes, config }: StructuredRecord): string {
  const sizes = Object.entries(config).map(
    ([key, { before, after }]) => `| \`${key}\` | ${before ?? 'not stated'} | ${after} |`,
  );
  return `## What was taken out

Of its key/value heads (with their queries) every layer lost ${heads[0]?.length ?? 0}, of its MLP channels ${channels[0]?.length ?? 0}; \`pruning.json\` lists them (\`structured\`). The model is a dense one of the same class, smaller and with less to compute. The perplexities were measured with zeros in place of what is gone, which gives the same outputs but for rounding.

| | before | after |
| --- | --- | --- |
| parameters | ${parameters.before} | ${parameters.after} |
| bytes of the weight files | ${bytes.before} | ${bytes.after} |
${sizes.join('\n')}`;
}

/** The figure of the very file that was written, where its type rounds the weights once more. */
function exportedRows({ exported }: RunReport): [string, string][] {
  if (!exported) return [];
  const type = exported.type.toUpperCase();
  return [[`perplexity of the GGUF file (matrices in ${plain(type)})`, figure(exported.perplexity)]];
}

/** Mean and range where several calibration draws were measured. */
function seedRows({
  perplexity: { bySeed, mean = null, min = null, max = null },
}: RunReport): [string, string][] {
  if (!bySeed || bySeed.length < 2) return [];
  const seeds = bySeed.map(({ seed }) => seed).join(', ');
  return [
    [
      `perplexity over ${bySeed.length} calibration draws`,
      `${figure(mean)}, from ${figure(min)} to ${figure(max)} (seeds ${seeds})`,
    ],
  ];
}

/** How far the predictions moved from the dense model's. */
function divergenceRows({ perplexity: { kl, topOne } }: RunReport): [string, string][] {
  if (typeof kl !== 'number' || typeof topOne !== 'number') return [];
  return [
    ['KL divergence from the base model', `${kl.toPrecision(4)} nats a token`],
    ['same most likely token as the base model', percent(topOne)],
  ];
}

function citations({ pruner, allocation }: Methods): string[] {
  return [pruner, allocation].flatMap((m) => (m.citation === null ? [] : [`${m.label}: ${m.citation}.`]));
}

function methodText(spec: LabSpec, { pruner, allocation, updates, needsInputs }: Methods): string {
  const order = !needsInputs
    ? ''
    : spec.stats === 'exact'
      ? ' Each layer is calibrated behind the layers already pruned.'
      : ' Statistics come from the dense model.';
  const changed = updates ? ' The weights that stay are changed to make up for those that go.' : '';
  return `${pruner.label}: ${pruner.help}${changed}${order}

${allocation.label}: ${allocation.help}`;
}

function weightsNote({ exported, model }: RunReport, base: BaseCard, { updates }: Methods): string {
  if (updates) return 'as the pruner left them';
  if (exported) return `those of the base model, in ${plain(exported.type.toUpperCase())}`;
  return base.ggufTypes === undefined
    ? 'those of the base model, bit for bit'
    : `those of its GGUF file (${plain(base.ggufTypes)}), rounded to ${plain(model.dtype)}`;
}

function allocationText(report: RunReport): string {
  const { allocation } = report;
  if (!allocation) return plain(report.spec.allocation);
  const rates = allocation.sparsity;
  const spread =
    rates.length > 1 ? `, layers from ${percent(Math.min(...rates))} to ${percent(Math.max(...rates))}` : '';
  const beta = allocation.params.beta;
  return `${plain(allocation.id)}${beta === undefined ? '' : `, beta ${plain(String(beta))}`}${spread}`;
}

/** The command line that repeats the run; options at their default are left out. */
export function commandText(spec: LabSpec): string {
  const words = ['prunelab', 'prune', shellWord(spec.model)];
  const add = (flag: string, value: string | number): void =>
    void words.push(`--${flag}`, shellWord(String(value)));
  if (spec.layerSparsity !== undefined) {
    words.push('--spec', 'pruning.json');
  } else {
    add('pruner', spec.pruner);
    add('allocation', spec.allocation);
    add('sparsity', spec.sparsity);
    if (spec.allocation === 'atp' && spec.pattern === 'free') add('beta', spec.beta);
    if (spec.pattern !== 'free') add('pattern', spec.pattern);
    for (const [name, value] of Object.entries(spec.set)) add('set', `${name}=${String(value)}`);
    for (const text of ['calibration', 'select', 'report'] as const) {
      if (spec.texts[text] !== 'bundled') add(text, spec.texts[text]);
    }
    if (spec.samples !== DEFAULT_SPEC.samples) add('samples', spec.samples);
    if (spec.window !== null) add('window', spec.window);
    if (spec.windows !== DEFAULT_SPEC.windows) add('windows', spec.windows);
    add('seed', spec.seed);
    if (spec.seeds) add('seeds', spec.seeds.join(','));
    if (spec.errorsOn !== DEFAULT_SPEC.errorsOn) add('errors-on', spec.errorsOn);
    if (spec.stats !== DEFAULT_SPEC.stats) add('stats', spec.stats);
  }
  words.push('--out', 'DIR');
  return words.join(' ');
}

function shellWord(word: string): string {
  const line = word.replaceAll(/[\r\n]/g, ' ');
  return /^[\w@%+=:,./-]+$/.test(line) ? line : `'${line.replaceAll("'", "'\\''")}'`;
}

/** `owner/name` of a Hub model, without revision. */
function hubId(model: string): string | null {
  return /^hf:([\w.-]+\/[\w.-]+)(@.*)?$/.exec(model)?.[1] ?? null;
}

/** Names come from users and files: nothing in them may act as Markdown or break a table row. */
function plain(text: string): string {
  return text
    .slice(0, 200)
    .replaceAll(/[\r\n\t]+/g, ' ')
    .replaceAll(/[\\`*_[\]<>|#]/g, (c) => `\\${c}`);
}

function yamlWord(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : JSON.stringify(text);
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}

function figure(value: number | null): string {
  return value === null ? 'diverged' : value.toPrecision(5);
}

function unique(value: string, index: number, list: string[]): boolean {
  return list.indexOf(value) === index;
}
