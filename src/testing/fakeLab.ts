/**
 * A LabApi without an engine, for looking at the page and testing it alone: rows stream in, errors grow with depth,
 * perplexity has a valley in beta, jobs take time and can be cancelled. Imported by tests and the development page only.
 */
import { toBase64 } from '../core/base64';
import { LabError } from '../core/errors';
import type { LayerRecord } from '../core/layerRecord';
import type { Curve, CurvePoint, LayerErrors, RunReport } from '../core/report';
import type { LabSpec } from '../core/spec';
import { bestBeta, tiedBetas } from '../eval/betaChoice';
import { seedRange } from '../eval/seeds';
import { betaGrid, betaMax, findAllocation, withControl } from '../pruning/allocations';
import { fakeCompare } from './fakeCompare';
import type { Boot, LabApi, LabEvent, MemoryUsage, ModelSummary, StoredItem } from '../session/protocol';

export interface FakeOptions {
  layers: number;
  /** Milliseconds for one layer of a run. */
  layerMs: number;
  software: boolean;
  /** Layers whose error is infinite at this beta and above. */
  divergesAt: number;
}

const DEFAULTS: FakeOptions = { layers: 16, layerMs: 60, software: false, divergesAt: Infinity };
const HIDDEN = 128;

export function createFakeLab(given: Partial<FakeOptions> = {}): LabApi {
  const options = { ...DEFAULTS, ...given };
  let listener: (event: LabEvent) => void = () => undefined;
  const cancelled = new Set<number>();
  let lost = false;
  let held = false;
  let stopped = false;
  let stored: StoredItem[] = [
    { id: 'a', kind: 'model', name: 'HuggingFaceTB/SmolLM2-135M', commit: 'c0ffee'.padEnd(40, '0'), bytes: 271_364_812, complete: true, inUse: true }, // prettier-ignore
    { id: 'b', kind: 'model', name: 'owner/half', commit: 'decade'.padEnd(40, '0'), bytes: 91_000_000, complete: false, inUse: false }, // prettier-ignore
    { id: 'c', kind: 'dataset', name: 'Salesforce/wikitext', commit: 'b08601'.padEnd(40, '0'), bytes: 733_000, complete: true, inUse: false }, // prettier-ignore
  ];
  let foreground = 0;
  let model = fakeModel(options.layers);

  const emit = (event: LabEvent): void => listener(event);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const step = async (job: number, ms: number, background = false): Promise<void> => {
    await pause(ms);
    while (background && foreground > 0) await pause(10);
    if (lost) throw new LabError('DeviceLostError', 'The graphics device was lost.', 'Reopen the device.');
    if (cancelled.has(job)) throw new LabError('CancelledError', 'Cancelled.');
  };
  const asForeground = async <T>(work: () => Promise<T>): Promise<T> => {
    foreground++;
    try {
      return await work();
    } finally {
      foreground--;
    }
  };
  const progress = (
    job: number,
    stage: string,
    done: number,
    total: number,
    unit: string,
    left: number,
  ): void =>
    emit({ type: 'progress', job, stage, done, total, unit, tokensPerSecond: 14200, secondsLeft: left });

  const boot = (): Boot => ({
    device: {
      vendor: 'fake',
      architecture: 'none',
      description: options.software ? 'Software adapter' : 'Imaginary M2',
      software: options.software,
      features: options.software ? [] : ['shader-f16', 'subgroups'],
      backend: 'chrome',
    },
    engineVersion: '0.0.0',
    pruners: [
      { id: 'wanda', label: 'Wanda', help: 'Weight times the size of its input, row by row.', patterns: ['free', 'K:M'], params: [{ name: 'exactBudget', label: 'Exact budget', help: 'Spreads the rounding over the rows so that the total is met.', type: 'boolean', init: false }, { name: 'select', label: 'Selection runs on', help: 'Where the smallest scores are found.', type: 'choice', choices: ['auto', 'gpu', 'cpu'], init: 'auto' }] },
      { id: 'magnitude', label: 'Magnitude', help: 'The smallest weights of the whole matrix; needs no text.', patterns: ['free', 'K:M'], params: [] },
    ],
    selfTest: { ran: true, failed: [], replaced: [] },
    slow: options.software,
  }); // prettier-ignore

  return {
    boot: async () => {
      await pause(120);
      return boot();
    },
    reopen: async () => {
      await pause(200);
      lost = false;
      return boot();
    },
    subscribe: (next) => {
      listener = next;
    },
    previewHub: async (id, revision) => {
      await pause(300);
      if (/absent/.test(id))
        throw new LabError('FetchError', `${id}: not found on the Hub, or private (HTTP 401).`, 'Check the name; for a private model give a read token above.'); // prettier-ignore
      return {
        id: `hf:${id}`,
        name: id,
        revision: revision ?? 'main',
        commit: 'c0ffee'.padEnd(40, '0'),
        bytes: 271_364_812,
        missingBytes: 271_364_812,
        files: [
          { path: 'config.json', size: 700 },
          { path: 'model.safetensors', size: 269_060_552 },
          { path: 'tokenizer.json', size: 2_104_556 },
        ],
        architecture: 'LlamaForCausalLM',
        parameters: 134_515_008,
        dtypes: { BF16: 134_515_008 },
        supported: !/moe/.test(id),
        reason: /moe/.test(id) ? 'Mixtral is a mixture of experts; the lab prunes dense models.' : null,
        memoryOnly: null,
      };
    },
    setHubToken: () => Promise.resolve(),
    downloadHub: async ({ id }) => {
      stopped = false;
      for (let done = 0; done <= 100; done += 1) {
        do await pause(options.layerMs);
        while (held && !stopped);
        if (stopped) throw new LabError('CancelledError', 'Cancelled.');
        emit({ type: 'download', name: id.replace('hf:', ''), done: done * 2.7e6, total: 2.7e8, secondsLeft: (100 - done) * 0.4 }); // prettier-ignore
      }
    },
    steerDownload: (action) => {
      held = action === 'pause';
      stopped = action === 'stop';
    },
    hubStorage: () => Promise.resolve({ items: stored, usage: 1.2e9, quota: 6.4e9, persisted: false, memoryOnly: null }), // prettier-ignore
    deleteStored: (id) => {
      stored = stored.filter((item) => item.inUse || (id !== null && item.id !== id));
      return Promise.resolve({ items: stored, usage: 1.2e9, quota: 6.4e9, persisted: false, memoryOnly: null }); // prettier-ignore
    },
    load: (job, request) =>
      asForeground(async () => {
        const name = request.kind === 'demo' ? 'demo' : request.kind === 'hub' ? request.id : request.name;
        if (name.includes('hostile')) throw new LabError('FormatError', `${name}: the header claims 9,007,199,254,740,991 bytes, the file has 16.`, 'Download the file again.'); // prettier-ignore
        for (let i = 1; i <= 4; i++) {
          await step(job, 60);
          progress(job, 'Upload weights', i, 4, 'shards', 1 - i / 4);
        }
        model = { ...fakeModel(options.layers), name };
        emit({ type: 'memory', usage: usage(41e6) });
        return model;
      }),
    unload: () => Promise.resolve(),
    setText: async (_, text) => {
      if (text?.file.size === 0)
        throw new LabError('TextError', `${text.name} is empty.`, 'Choose another text.');
      await pause(20);
    },
    predict: async (kind) => {
      await pause(5);
      return {
        bytes: kind === 'export' ? 52e6 : 88e6,
        seconds: options.layerMs * 0.16,
        lever: 'Fewer calibration samples lower both.',
      };
    },
    tick: (job, spec) =>
      asForeground(async () => {
        await step(job, 90);
        const rows = errorsOf(spec, model, 1.04);
        const layers = rows.map(({ cumulative, dense }) => ({ cumulative, dense }));
        return { job, kind: 'preview', spec, layers, tokens: 4096, hidden: HIDDEN };
      }),
    run: (job, spec) =>
      asForeground(async () => {
        const rows = errorsOf(spec, model);
        for (let i = 0; i < rows.length; i++) {
          await step(job, options.layerMs);
          const kind = spec.stats === 'dense' ? 'preview' : 'exact';
          emit({
            type: 'layers',
            job,
            kind,
            spec,
            text: spec.errorsOn,
            tokens: 4096,
            hidden: HIDDEN,
            from: i,
            rows: [rows[i] as LayerErrors],
          });
          progress(
            job,
            'Calibrate and prune',
            i + 1,
            rows.length,
            'layers',
            ((rows.length - i) * options.layerMs) / 1000,
          );
        }
        await step(job, 300);
        return reportOf(spec, model, rows, options);
      }),
    sweep: async (job, spec, { kind, betas }) => {
      const all = betas ?? withControl(betaGrid(spec.sparsity, model.layers));
      const points: CurvePoint[] = [];
      for (const [i, beta] of all.entries()) {
        await step(job, options.layerMs * 6, true);
        const point = pointOf({ ...spec, beta }, model, options);
        points.push(point);
        emit({ type: 'point', job, kind, spec, point });
        progress(job, 'Sweep', i + 1, all.length, 'points', ((all.length - i) * options.layerMs * 6) / 1000);
      }
      const best = bestBeta(points);
      return { text: 'select', kind, best, points, ties: tiedBetas(points, best) } satisfies Curve;
    },
    compare: (job, spec, known) =>
      fakeCompare(job, spec, known, {
        emit,
        sweep: async (own) => {
          const betas = withControl(betaGrid(own.sparsity, model.layers));
          await step(job, options.layerMs * betas.length, true);
          const points = betas.map((beta) => pointOf({ ...own, beta }, model, options));
          return { text: 'select', kind: 'exact', best: bestBeta(points), points };
        },
        run: async (own) => {
          await step(job, options.layerMs * 4, true);
          return reportOf(own, model, errorsOf(own, model), options);
        },
      }),
    theory: () =>
      Promise.reject(new LabError('InternalError', 'Without an engine no theorem can be put on trial.')),
    searchMetric: () =>
      Promise.reject(new LabError('InternalError', 'Without an engine no metric can be measured.')),
    zeroShot: () => Promise.reject(new LabError('InternalError', 'Without an engine no task can be scored.')),
    speed: () => Promise.reject(new LabError('InternalError', 'Without an engine no speed can be measured.')),
    generate: (job, _, request) =>
      asForeground(async () => {
        const dense =
          ' looked out over the water, where the whales were rising in the morning light, and'.split(/(?= )/);
        const pruned = ' looked out over the sea, and the sea was the sea of the morning, and the'.split(
          /(?= )/,
        );
        const count = Math.min(request.maxTokens, dense.length);
        for (let i = 0; i < count; i++) {
          await step(job, 40);
          emit({ type: 'token', job, side: 'dense', text: dense[i] ?? '' });
        }
        for (let i = 0; i < count; i++) {
          await step(job, 40);
          emit({ type: 'token', job, side: 'pruned', text: pruned[i] ?? '' });
        }
        const side = (words: string[], tokensPerSecond: number) => ({
          ids: words.slice(0, count).map((_word, i) => i),
          text: words.slice(0, count).join(''),
          tokensPerSecond,
        });
        return {
          prompt: request.prompt,
          dense: side(dense, 182.4),
          pruned: side(pruned, 179.1),
          firstDifference: 4,
        };
      }),
    allocation: (_, spec) =>
      Promise.resolve({ id: spec.allocation, params: {}, sparsity: ratesOf(spec, model), betaMax: null }),
    inspectLayer: (job, spec, layer) =>
      asForeground(async () => {
        await step(job, 200);
        return layerOf(spec, model, layer);
      }),
    exportTo: (job, spec, sink) =>
      asForeground(async () => {
        const files = [
          { path: 'model.safetensors', bytes: 65536 },
          { path: 'config.json', bytes: 640 },
          { path: 'README.md', bytes: 1200 },
          { path: 'pruning.json', bytes: 4096 },
        ];
        for (const [i, file] of files.entries()) {
          await sink.create(file.path);
          await sink.write(file.path, new Uint8Array(file.bytes));
          await sink.close(file.path);
          await step(job, 150);
          progress(job, 'Write', i + 1, files.length, 'files', 1);
        }
        return { report: reportOf(spec, model, errorsOf(spec, model), options), files };
      }),
    cancel: (job) => {
      if (job === 'all') for (let i = 0; i < 100_000; i++) cancelled.add(i);
      else cancelled.add(job);
      if (job === 'all') setTimeout(() => cancelled.clear(), 500);
    },
    destroyDevice: () => {
      lost = true;
      emit({ type: 'lost', error: { kind: 'DeviceLostError', message: 'The graphics device was lost.', remedy: 'Reopen it; the same experiment then runs again.' } }); // prettier-ignore
    },
    memory: () => Promise.resolve(usage(41e6)),
  };
}

function fakeModel(layers: number): ModelSummary {
  return {
    name: 'demo', architecture: 'llama', layers, hidden: HIDDEN, context: 512, vocabulary: 4096, parameters: 3_540_000,
    prunable: layers * 184_320, prunablePerLayer: new Array<number>(layers).fill(184_320),
    matrices: Array.from({ length: layers * FAKE_MATRICES.length }, (_, i) => ({ name: fakeTensor(Math.floor(i / FAKE_MATRICES.length), FAKE_MATRICES[i % FAKE_MATRICES.length] ?? ''), layer: Math.floor(i / FAKE_MATRICES.length), rows: 192, cols: 240, count: 46_080 })), bytes: 7_040_000, dtype: 'F16', warnings: [],
    sha256: 'f00d', zerosAtLoad: 0, found: { achieved: 0, layers: new Array<number>(layers).fill(0), pattern: null, record: null },
  }; // prettier-ignore
}

const FAKE_MATRICES = ['q', 'o', 'up', 'down'];

function fakeTensor(layer: number, matrix: string): string {
  return `model.layers.${layer}.${matrix}_proj.weight`;
}

/** A bell of scores, cut where the layer's rate says, and a mask with stripes. */
function layerOf(spec: LabSpec, model: ModelSummary, layer: number): LayerRecord {
  const rate = ratesOf(spec, model)[layer] ?? 0;
  const [rows, cols] = [192, 240];
  const count = rows * cols;
  const bell = Array.from({ length: 64 }, (_, i) => Math.round(3000 * Math.exp(-(((i - 44) / 11) ** 2))));
  const cut = Math.round(64 * (0.45 + 0.4 * rate));
  const cells = Uint8Array.from({ length: count }, (_, i) =>
    (Math.sin(i * 12.9898) * 43758.5453) % 1 < -rate * 0.9 + ((i % cols) % 24 === 0 ? 0.7 : 0) ? 255 : 0,
  );
  return {
    schema: 'prunelab.layer/1', version: '0.0.0', spec, beta: betaOf(spec), layer,
    model: { name: model.name, layers: model.layers, sha256: model.sha256 },
    inputs: { prefix: 'pruned', text: { source: 'bundled:moby-dick', sha256: 'cafe', windows: 16, window: 256, tokens: 4096 } },
    matrices: FAKE_MATRICES.map((name, i) => ({
      name, tensor: fakeTensor(layer, name), rows, cols, count, zeros: Math.round(count * rate), zerosBefore: 0, requested: rate,
      error: 0.02 * (i + 1) * Math.exp(3 * rate), dead: { rows: i, cols: 4 * i, rowsBefore: 0, colsBefore: i },
      picture: { height: rows, width: cols, kept: toBase64(cells) },
      scores: {
        kind: 'weightNorm', log10: { min: -4.2, max: 0.6 }, zero: { kept: 0, pruned: 0 },
        pruned: bell.map((n, at) => (at < cut - 4 ? n : at < cut + 4 ? Math.round((n * (cut + 4 - at)) / 8) : 0)),
        kept: bell.map((n, at) => (at < cut - 4 ? 0 : at < cut + 4 ? n - Math.round((n * (cut + 4 - at)) / 8) : n)),
        threshold: { unit: 'row', rows, min: 10 ** (-4.2 + 0.075 * (cut - 4)), median: 10 ** (-4.2 + 0.075 * cut), max: 10 ** (-4.2 + 0.075 * (cut + 4)) },
      },
    })),
  }; // prettier-ignore
}

function betaOf(spec: LabSpec): number {
  return spec.beta === 'auto' ? 0 : spec.beta;
}

function usage(total: number): MemoryUsage {
  return {
    weights: 7.1e6,
    masks: 4e5,
    activations: 12e6,
    denseStreams: 16e6,
    scratch: 4e6,
    cache: 1.5e6,
    total,
    peak: total * 1.2,
  };
}

function ratesOf(spec: LabSpec, model: ModelSummary): number[] {
  const { layers, prunablePerLayer: sizes, matrices } = model;
  const id = spec.layerSparsity ? 'custom' : spec.allocation;
  const input = { layers, sizes, sparsity: spec.sparsity, params: { beta: betaOf(spec) } };
  return findAllocation(id).allocate({ ...input, matrices, rates: spec.layerSparsity }).layers;
}

/** Smooth stand-in: each layer adds an exponential of its rate, earlier damage is carried on and amplified. */
function errorsOf(spec: LabSpec, model: ModelSummary, preview = 1): LayerErrors[] {
  let carried = 0;
  const harsh = spec.pruner === 'magnitude' ? 2.2 : 1;
  return ratesOf(spec, model).map((rate, i) => {
    const dense = 4096 * HIDDEN * 0.4 * 1.12 ** i;
    const local =
      rate === 0
        ? 0
        : harsh * preview * 900 * Math.exp(5.5 * (rate - 0.7)) * 1.1 ** i * (1 + 0.12 * Math.sin(i * 2));
    const inherited = carried * 1.18;
    const inPlace = local * 0.9;
    const cross = 0.1 * Math.sqrt(inherited * inPlace);
    const cumulative = inPlace + inherited + 2 * cross;
    carried = cumulative;
    return { local, inPlace, inherited, cumulative, cross, dense };
  });
}

function perplexityOf(spec: LabSpec, model: ModelSummary): number {
  const limit = betaMax(spec.sparsity, model.layers) ?? 0;
  const t = limit > 0 && spec.beta !== 'auto' ? spec.beta / limit : 0;
  return (
    31.4 +
    68 *
      Math.exp(6 * (spec.sparsity - 0.7)) *
      ((t - 0.55) ** 2 * 1.7 + 0.38 + (t > 0.75 ? (t - 0.75) ** 2 * 30 : 0))
  );
}

function windowLosses(perplexity: number, jitter: number): number[] {
  return Array.from(
    { length: 16 },
    (_, k) => Math.log(perplexity) + 0.3 * Math.sin(k * 3) + jitter * Math.cos(k * 7),
  );
}

function pointOf(spec: LabSpec, model: ModelSummary, options: FakeOptions): CurvePoint {
  const beta = spec.beta === 'auto' ? 0 : spec.beta;
  const sparsity = ratesOf(spec, model);
  if (beta >= options.divergesAt)
    return { beta, perplexity: null, kl: null, topOne: null, diverged: true, sparsity, cumulative: null };
  const figures = (seed: number) => {
    const perplexity = perplexityOf(spec, model) * (1 + 0.04 * Math.sin(seed * 2.3 + beta * 40));
    return {
      perplexity,
      kl: 0.9 * Math.log(perplexity / 31.4),
      topOne: (31.4 / perplexity) ** 0.6,
      losses: windowLosses(perplexity, beta),
    };
  };
  const draws = spec.seeds?.map((seed) => ({ seed, calibration: '', ...figures(seed) }));
  return { beta, sparsity, cumulative: null, ...figures(spec.seed), ...(draws && seedRange(draws)) };
}

function reportOf(
  spec: LabSpec,
  model: ModelSummary,
  layers: LayerErrors[],
  options: FakeOptions,
): RunReport {
  const rates = ratesOf(spec, model);
  const point = pointOf(spec, model, options);
  const text = {
    source: 'bundled:moby-dick',
    sha256: '6eddb555305eba56f60e638e8aac85dd',
    windows: 16,
    window: 256,
    tokens: 4096,
  };
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  return {
    schema: 'prunelab.run/1',
    id: `fake${Array.from(JSON.stringify(spec))
      .reduce((hash, c) => (hash * 31 + c.charCodeAt(0)) >>> 0, 7)
      .toString(16)}`,
    version: '0.0.0',
    spec,
    model: { name: model.name, architecture: 'llama', layers: model.layers, hidden: HIDDEN, parameters: model.parameters, prunable: model.prunable, dtype: 'F16', sha256: 'f00d' }, // prettier-ignore
    device: {
      vendor: 'fake',
      architecture: '',
      description: '',
      software: options.software,
      features: [],
      backend: 'chrome',
    },
    texts: { calibration: text, select: text, report: text },
    allocation: {
      id: spec.allocation,
      params: {},
      sparsity: rates,
      betaMax: betaMax(spec.sparsity, model.layers),
    },
    sparsity: {
      requested: spec.sparsity,
      achieved: mean - 0.0035,
      layers: rates.map((rate) => Math.max(0, rate - 0.0035)),
      matrices: Object.fromEntries(rates.map((rate, i) => [`layer.${i}`, { zeros: Math.trunc(184320 * Math.max(0, rate - 0.0035)), count: 184320 }])), // prettier-ignore
    },
    errors: {
      text: spec.errorsOn,
      tokens: 4096,
      hidden: HIDDEN,
      kind: spec.stats === 'dense' ? 'preview' : 'exact',
      layers,
    },
    perplexity: {
      dense: 31.4, pruned: point.perplexity, kl: point.kl, topOne: point.topOne, text: 'report', windows: 16, window: 256,
      ...(point.bySeed && { bySeed: point.bySeed, mean: point.mean, min: point.min, max: point.max }),
      losses: { dense: windowLosses(31.4, 0), ...(point.losses && { pruned: point.losses }) },
      ...(point.diverged && { diverged: true }),
    }, // prettier-ignore
    margin: 3.1e-7,
    leakage: [],
    timings: {
      prune: { ms: 12.5, dispatches: 40, submits: 3, readbacks: 4, cpuStages: 7, flops: 1e9, bytes: 2e8 },
      allocate: { ms: 1 },
    },
    memory: { predictedBytes: 9e7, peakBytes: 8.8e7 },
    warnings: [],
  };
}
