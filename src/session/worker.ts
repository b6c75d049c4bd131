/** The engine's worker in the browser: LabApi over comlink. Everything that is not plumbing lives in lab.ts. */
import * as Comlink from 'comlink';
import { BUNDLED_TEXT } from '../core/bundledText';
import { LabError } from '../core/errors';
import { sha256Hex } from '../core/hash';
import type { LabSpec } from '../core/spec';
import { ENGINE_VERSION } from '../core/version';
import { blobSource, type ModelFiles } from '../formats/source';
import { DEMO_FILES, httpFiles } from '../formats/httpFiles';
import { useHashWorker } from '../formats/fileHash';
import { webHashWorker } from '../formats/fileHash.web';
import { webTokenizer } from '../formats/tokenizer.web';
import { GpuContext } from '../gpu/context';
import { COMMON_PARAMS, PRUNERS } from '../pruning/pruners';
import type { LabHost } from './host';
import type { HubDesk } from './hubModel';
import { JobRunner } from './jobs';
import { Lab, type JobIo } from './lab';
import type { Boot, JobKind, LabApi, LabEvent, MethodDescription, ModelRequest } from './protocol';
import { runSelfTest } from './selfTest';

/** Where index.html lies: one folder above the built worker. */
const BASE = import.meta.env.DEV
  ? new URL(import.meta.env.BASE_URL, location.origin)
  : new URL('../', import.meta.url);
const MEMORY_EVERY_MS = 250;
const MAX_TEXT_BYTES = 256 << 20;

let text: Promise<Uint8Array> | undefined;

async function fetchText(): Promise<Uint8Array> {
  const url = new URL(BUNDLED_TEXT.path, BASE);
  const response = await fetch(url).catch((cause: unknown) => {
    throw new LabError(
      'FetchError',
      `The bundled text could not be fetched: ${String(cause)}.`,
      'Check the connection and try again.',
      { cause },
    );
  });
  if (!response.ok)
    throw new LabError(
      'FetchError',
      `The bundled text could not be fetched (HTTP ${response.status}).`,
      'Reload the page.',
    );
  const bytes = new Uint8Array(await response.arrayBuffer());
  if ((await sha256Hex(bytes)) !== BUNDLED_TEXT.sha256)
    throw new LabError(
      'FormatError',
      'The bundled text is not the one that this version was made with.',
      'Reload the page without cache.',
    );
  return bytes;
}

const host: LabHost = {
  demo: () =>
    httpFiles({
      name: 'demo',
      baseUrl: new URL('models/demo/', BASE).href,
      paths: DEMO_FILES,
      fetch: (input, init) => fetch(input, init),
    }),
  bundledText() {
    text ??= fetchText();
    text.catch(() => (text = undefined));
    return text;
  },
  hubText: async (name, io) => (await hubDesk()).text(name, endpoint, io),
  hubTask: async (task, revision, io) => (await hubDesk()).task(task, revision, endpoint, io),
  storage: async () => (await import('../formats/hubStorage.web')).browserStorage(),
  tokenizer: webTokenizer,
};

useHashWorker(webHashWorker);

let listener: (event: LabEvent) => void = () => undefined;
let ctx: GpuContext | undefined;
let lab: Lab | undefined;
let jobs = new JobRunner();
let adapterWish: string | undefined;

const emit = (event: LabEvent): void => listener(event);

/** LabError crosses the boundary as its plain form. */
async function guarded<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Comlink clones what is thrown; an Error would lose its kind and remedy on the way.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw LabError.from(error).toPlain();
  }
}

function openLab(): Lab {
  if (!lab) throw new LabError('GpuUnavailableError', 'The engine is not open.', 'Reload the page.');
  return lab;
}

function runJob<T>(job: number, kind: JobKind, work: (lab: Lab, io: JobIo) => Promise<T>): Promise<T> {
  return guarded(() =>
    jobs.run(job, kind, ({ signal, gate }) => work(openLab(), { job, signal, gate, emit })),
  );
}

function betaOf(spec: LabSpec): number {
  if (spec.beta === 'auto')
    throw new LabError('SpecError', 'Beta must be a number here.', 'Run the sweep first.');
  return spec.beta;
}

async function open(skipSelfTest: boolean): Promise<Boot> {
  const { gpu } = navigator as Navigator & { gpu?: GPU };
  if (!gpu)
    throw new LabError(
      'GpuUnavailableError',
      'This browser has no WebGPU.',
      'Use a current Chrome, Edge, Safari or Firefox.',
    );
  const opened = await GpuContext.open(gpu, { backend: 'chrome', adapter: adapterWish });
  ctx = opened;
  lab = new Lab(opened, host);
  jobs = new JobRunner();
  let scheduled = false;
  opened.ledger.onChange(() => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      if (ctx === opened && lab) emit({ type: 'memory', usage: lab.memory() });
    }, MEMORY_EVERY_MS);
  });
  void opened.lost.then((error) => {
    if (ctx !== opened) return;
    ctx = undefined;
    lab = undefined;
    jobs.cancel('all');
    emit({ type: 'lost', error: error.toPlain() });
  });
  const selfTest = skipSelfTest ? { ran: false, failed: [], replaced: [] } : await runSelfTest(opened);
  return {
    device: opened.record,
    engineVersion: ENGINE_VERSION,
    pruners: PRUNERS.map(describe),
    selfTest,
    slow: opened.record.software,
  };
}

function describe(pruner: (typeof PRUNERS)[number]): MethodDescription {
  // A function cannot cross to the page.
  const params = [...pruner.params, ...COMMON_PARAMS].map(({ problem: _, ...p }) => ({
    ...p,
    choices: p.choices ? [...p.choices] : undefined,
  }));
  return {
    id: pruner.id,
    label: pruner.label,
    help: pruner.help,
    params,
    patterns: pruner.groups ? ['free', 'K:M'] : ['free'],
  };
}

let desk: Promise<HubDesk> | undefined;
/** Another Hub, where the page was opened for one. */
let endpoint: string | undefined;

/** What has to do with the Hub; its code is loaded with the first use. */
function hubDesk(): Promise<HubDesk> {
  desk ??= import('./hubModel').then(({ HubDesk: Desk }) => new Desk(emit));
  desk.catch(() => (desk = undefined));
  return desk;
}

async function filesOf(request: ModelRequest, io: JobIo): Promise<{ files: ModelFiles; name: string }> {
  if (request.kind === 'demo') return { files: await host.demo(), name: 'demo' };
  if (request.kind === 'hub') return (await hubDesk()).open(request, io.signal);
  const byPath = new Map(request.files.map((f) => [f.path, f.file]));
  const files: ModelFiles = {
    name: request.name,
    paths: request.files.map(({ path, file }) => ({ path, size: file.size })),
    open(path) {
      const file = byPath.get(path);
      if (!file)
        return Promise.reject(new LabError('FormatError', `${request.name}: there is no file ${path}.`));
      return Promise.resolve(blobSource(path, file));
    },
  };
  return { files, name: request.name };
}

const api: LabApi = {
  boot: ({ adapter, skipSelfTest, hub }) =>
    guarded(() => {
      endpoint = hub;
      adapterWish = adapter;
      return open(skipSelfTest);
    }),
  subscribe(next) {
    listener = next;
  },
  reopen: () =>
    guarded(async () => {
      jobs.cancel('all');
      await jobs.settled();
      const before = ctx;
      ctx = undefined;
      lab = undefined;
      before?.close();
      return open(true);
    }),
  previewHub: (id, revision, endpoint) =>
    guarded(async () => (await hubDesk()).preview(id, revision, endpoint)),
  setHubToken: (token) => guarded(async () => (await hubDesk()).setToken(token)),
  downloadHub: (request) => guarded(async () => (await hubDesk()).download(request)),
  steerDownload: (action) => void desk?.then((open) => open.steer(action)),
  hubStorage: () => guarded(async () => (await hubDesk()).report()),
  deleteStored: (id) => guarded(async () => (await hubDesk()).remove(id)),
  load: (job, request) =>
    runJob(job, 'load', async (open, io) => {
      const { files, name } = await filesOf(request, io);
      const summary = await open.load(files, io, name);
      if (desk || request.kind === 'hub')
        await (await hubDesk()).loaded(request.kind === 'hub' ? request : null);
      return summary;
    }),
  unload: () =>
    guarded(async () => {
      jobs.cancel('all');
      await jobs.settled();
      lab?.unload();
    }),
  setText: (which, given) =>
    guarded(async () => {
      if (given && given.file.size > MAX_TEXT_BYTES)
        throw new LabError(
          'TextError',
          `${given.name} has ${given.file.size} bytes; at most ${MAX_TEXT_BYTES} are read.`,
          'Give a smaller text.',
        );
      openLab().setText(
        which,
        given && { name: given.name, bytes: new Uint8Array(await given.file.arrayBuffer()) },
      );
    }),
  predict: (kind, spec) => guarded(() => openLab().predict(kind, spec)),
  allocation: (job, spec) => runJob(job, 'inspect', (open, io) => open.allocation(spec, io)),
  tick: (job, spec) => runJob(job, 'tick', (open, io) => open.tick(spec, betaOf(spec), io)),
  run: (job, spec) => runJob(job, 'run', (open, io) => open.run(spec, betaOf(spec), io)),
  sweep: (job, spec, options) => runJob(job, 'sweep', (open, io) => open.sweep(spec, options, io)),
  compare: (job, spec, known) =>
    runJob(job, 'compare', async (open, io) => {
      const { compare } = await import('./compare');
      return compare(open, spec, known, io, 'drop');
    }),
  theory: (job, spec, known) =>
    runJob(job, 'theory', async (open, io) => {
      const { runTheory } = await import('./theory');
      return runTheory(open, spec, { known, other: 'drop' }, io);
    }),
  searchMetric: (job, spec, options) =>
    runJob(job, 'search', async (open, io) => {
      const { searchMetricFor } = await import('./metricSearch');
      return searchMetricFor(open, spec, options, io);
    }),
  zeroShot: (job, spec, request) =>
    runJob(job, 'inspect', async (open, io) => {
      const { zeroShot } = await import('./zeroshot');
      return zeroShot(open, request, spec && { spec, beta: betaOf(spec) }, io);
    }),
  generate: (job, spec, request) =>
    runJob(job, 'generate', async (open, io) => {
      const { generate } = await import('./generate');
      return generate(open, { spec, beta: betaOf(spec) }, request, io);
    }),
  speed: (job, spec, request) =>
    runJob(job, 'generate', async (open, io) => {
      const { speedOf } = await import('./speed/cases');
      return speedOf(open, spec, request, io);
    }),
  inspectLayer: (job, spec, layer) =>
    runJob(job, 'inspect', async (open, io) => {
      const { inspectLayer } = await import('./inspectLayer');
      return inspectLayer(open, spec, betaOf(spec), layer, io);
    }),
  exportTo: (job, spec, sink, options) =>
    runJob(job, 'export', async (open, io) => {
      const { exportTo } = await import('./export');
      return exportTo(open, spec, betaOf(spec), sink, options, io);
    }),
  cancel: (job) => jobs.cancel(job),
  destroyDevice: () => ctx?.device.destroy(),
  memory: () => guarded(() => openLab().memory()),
};

Comlink.expose(api);
