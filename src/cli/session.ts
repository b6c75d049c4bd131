/** Opens what commands share: the model's files, the lab on a GPU, the user's texts, cancellation. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BUNDLED_TEXT } from '../core/bundledText';
import { LabError } from '../core/errors';
import { sha256Hex } from '../core/hash';
import type { LabSpec } from '../core/spec';
import { isHubText } from '../formats/hubId';
import { openHubText } from '../formats/hubTexts';
import { openHubTask } from '../formats/zeroshot/hubTask';
import { nodeFiles } from '../formats/nodeFiles.node';
import type { ModelFiles } from '../formats/source';
import { nodeTokenizer } from '../formats/tokenizer.node';
import { GpuContext } from '../gpu/context';
import type { LabHost } from '../session/host';
import { Lab, type JobIo } from '../session/lab';
import type { ModelSummary } from '../session/protocol';
import { oneModel, specFromFlags, type Parsed } from './flags';
import { hubModelFiles, hubOptions, hubStorage, isHubModel } from './hub';
import { readUserFile, readUserJson, type Console } from './io';
import { closeNodeGpu, nodeGpuRemedy, openNodeGpu } from './nodeGpu';
import { differences, storedRun } from './stored';

/** The checkout: the folder that holds public/. */
export function projectRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'public', 'models', 'demo'))) {
    const up = dirname(at);
    if (up === at)
      throw new LabError(
        'InternalError',
        'The folder public/models/demo was not found.',
        'Run the command from its own checkout.',
      );
    at = up;
  }
  return at;
}

const MAX_TEXT_BYTES = 256 << 20;

async function bundledText(): Promise<Uint8Array> {
  const bytes = new Uint8Array(await readFile(join(projectRoot(), 'public', BUNDLED_TEXT.path)));
  if ((await sha256Hex(bytes)) !== BUNDLED_TEXT.sha256) {
    throw new LabError(
      'FormatError',
      `${BUNDLED_TEXT.path} is not the file that this version was made with.`,
      'Delete it and run again; it is made anew.',
    );
  }
  return bytes;
}

export const nodeHost: LabHost = {
  demo: async () => {
    const files = await nodeFiles(join(projectRoot(), 'public', 'models', 'demo'));
    return { ...files, name: 'demo' };
  },
  bundledText,
  hubText: (name, io) => openHubText(name, { ...hubOptions(io.signal), storage: hubStorage(), ...io }),
  hubTask: (task, revision, io) =>
    openHubTask(task, revision, { ...hubOptions(io.signal), storage: hubStorage(), ...io }),
  storage: () => Promise.resolve(hubStorage()),
  tokenizer: nodeTokenizer,
};

/**
 * Files of `<model>` (demo, a folder or file, hf:owner/name[@revision]) and what a report calls it. With 'headers' no
 * weights of a Hub model are downloaded; they can still be read by ranges.
 */
export async function openModelFiles(
  model: string,
  console: Console,
  signal: AbortSignal,
  want: 'headers' | 'all' = 'all',
): Promise<{ files: ModelFiles; name: string }> {
  if (isHubModel(model)) return hubModelFiles(model, console, signal, want);
  const files = model === 'demo' ? await nodeHost.demo() : await nodeFiles(model);
  return { files, name: files.name };
}

export interface CliSession {
  lab: Lab;
  io: JobIo;
  /** `name` is what the report calls the model when it is not its own name. */
  load(model: string): Promise<ModelSummary>;
  close(): void;
}

export async function openSession(
  parsed: Parsed,
  console: Console,
  signal: AbortSignal,
): Promise<CliSession> {
  let ctx: GpuContext;
  try {
    ctx = await GpuContext.open(await openNodeGpu(), {
      backend: 'dawn-node',
      adapter: parsed.values.get('adapter'),
    });
  } catch (error) {
    const failure = LabError.from(error);
    if (failure.kind !== 'GpuUnavailableError' || parsed.values.has('adapter')) throw failure;
    throw new LabError('GpuUnavailableError', failure.message, nodeGpuRemedy(), { cause: failure });
  }
  const lab = new Lab(ctx, nodeHost);
  const io: JobIo = { job: 0, signal, emit: (event) => console.progress(event) };
  return {
    lab,
    io,
    async load(model) {
      const { files, name } = await openModelFiles(model, console, signal);
      const summary = await lab.load(files, io, name);
      const stored = await storedRun(parsed);
      // They belong to the report as well.
      if (stored) lab.loaded.plan.warnings.push(...differences(stored, lab.loaded.record.sha256));
      for (const warning of new Set([...summary.warnings, ...lab.loaded.plan.warnings]))
        console.warn(warning);
      return summary;
    },
    close() {
      lab.unload();
      ctx.close();
      closeNodeGpu();
    },
  };
}

/** Says what a run of `spec`, or the sweep before it, will take of the GPU at its peak. */
export async function noteMemory(lab: Lab, spec: LabSpec, console: Console): Promise<void> {
  const kinds = spec.beta === 'auto' ? (['sweep', 'run'] as const) : (['run'] as const);
  let most = 0;
  for (const kind of kinds) most = Math.max(most, (await lab.predict(kind, spec)).bytes);
  console.note(`Memory: ${(most / 1e6).toFixed(0)} MB of the GPU at the peak`);
}

/** Files and folders that a run of `model` reads: what --force must not take away. */
export function inputPaths(parsed: Parsed, model: string): string[] {
  const files = ['calibration', 'select', 'report', 'spec', 'layer-sparsity'].flatMap((flag) => {
    const path = parsed.values.get(flag);
    return path === undefined || isHubText(path) ? [] : [path];
  });
  return model === 'demo' || isHubModel(model) ? files : [model, ...files];
}

/** The spec that --spec holds; undefined without that flag. */
export async function storedSpec(parsed: Parsed): Promise<LabSpec | undefined> {
  return (await storedRun(parsed))?.spec;
}

/** The spec of the flags (on top of --spec), with the user's files read and handed to the lab. */
export async function readSpec(parsed: Parsed, lab: Lab, defaultBeta: LabSpec['beta']): Promise<LabSpec> {
  const base = await storedSpec(parsed);
  const { spec, textFiles, layerSparsityFile } = specFromFlags(
    parsed,
    oneModel(parsed, base),
    defaultBeta,
    base,
  );
  for (const [which, path] of textFiles) {
    lab.setText(which, { name: spec.texts[which], bytes: await readUserFile(path, MAX_TEXT_BYTES) });
  }
  if (layerSparsityFile !== undefined)
    spec.layerSparsity = layerSparsities(layerSparsityFile, await readUserJson(layerSparsityFile, 64 << 20));
  return spec;
}

export function layerSparsities(path: string, value: unknown): NonNullable<LabSpec['layerSparsity']> {
  const isRate = (x: unknown): x is number => typeof x === 'number' && x >= 0 && x <= 1;
  if (Array.isArray(value) && value.every(isRate)) return value;
  if (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isRate)
  )
    return value as Record<string, number>;
  throw new LabError(
    'SpecError',
    `${path}: layer sparsities are a list of numbers from 0 to 1, or an object from tensor names to such numbers.`,
  );
}
