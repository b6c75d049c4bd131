/** The page's actions. Components call these; results come back through the stores. */
import type { Comparison } from '../../core/comparison';
import { LabError } from '../../core/errors';
import type { LayerRecord } from '../../core/layerRecord';
import type { MetricSearchReport } from '../../core/metricSearch';
import type { LabSpec, TextName } from '../../core/spec';
import type { TheoryRecord } from '../../core/theory';
import type {
  Boot,
  ExportFile,
  ExportSink,
  GenerateRequest,
  LabApi,
  LabEvent,
  ModelRequest,
  Prediction,
} from '../../session/protocol';
import type { RunReport, StatsKind } from '../../core/report';
import { counted } from '../../core/words';
import { findAllocation } from '../../pruning/allocations';
import { runKey } from '../stores/keys';
import { betaOf, betaProblem, legalize } from '../stores/legal';
import { parseQuery, writeQuery } from '../stores/fields';
import { fitsModel } from '../stores/byHand';
import { fitParams, knownParams } from '../stores/params';
import { hubStore } from '../stores/hubStore';
import { emptyResults, runStore, updateInFrame, updateNow } from '../stores/runStore';
import { commitSpec, previewSpec, redoSpec, resetSpec, specStore, undoSpec } from '../stores/specStore';
import { dismissNote, pushAlert, pushNote, uiStore } from '../stores/uiStore';
import { bytes, percent } from '../format';
import { hubEndpoint } from './hub';
import { HubLoads, hubSpecName } from './hubLoads';
import { experimentIn } from './experiment';
import { Experiments } from './experiments';
import { isText, requestFromFiles, type PickedFile } from './files';
import { Jobs } from './jobs';
import { Runner } from './runner';
import { checkSupport, softwareRemedy } from './support';
import { Sweeper } from './sweeper';

/** Fewer tokens where the device is slow: the first minute must be a minute there too. */
const SLOW_START = { samples: 4, window: 128, windows: 4 } as const;
/** From this size on a model's memory is worth a word before it is loaded. */
const LARGE_BYTES = 64e6;
const SELF_TEST_KEY = 'prunelab.selfTest';

export class Lab {
  /** The storage format that decoded quickest, of the spec (as JSON) that was measured. */
  quickest: { of: string; format: NonNullable<GenerateRequest['format']> } | null = null;
  readonly api: LabApi;
  readonly jobs: Jobs;
  /** Set by the comparison, whose code is loaded with its first use. */
  onCompared: ((comparison: Comparison) => void) | null = null;
  /** Likewise by the theory. */
  onTheory: ((record: TheoryRecord) => void) | null = null;
  /** And by the search for metrics. */
  onMetrics: ((report: MetricSearchReport) => void) | null = null;
  readonly #experiments: Experiments;
  readonly hub: HubLoads;
  readonly #runner: Runner;
  readonly #sweeper: Sweeper;
  #request: ModelRequest = { kind: 'demo' };
  /** Whether somebody has asked for a model: then the address no longer decides which one comes first. */
  #asked = false;
  #tried: () => void = () => undefined;
  /** Once it was tried to open the device. */
  readonly #deviceTried = new Promise<void>((resolve) => (this.#tried = resolve));
  /** A link asked for the best beta: go there when the sweep has found it. */
  #wantsBest = false;
  #given = new Set<string>();
  #inspecting: number | null = null;

  constructor(api: LabApi) {
    this.api = api;
    this.jobs = new Jobs(api);
    this.hub = new HubLoads(api, (error) => this.jobs.report(error));
    this.#sweeper = new Sweeper(this.jobs);
    this.#runner = new Runner(
      this.jobs,
      () => void this.#afterRun(),
      (report) => this.#experiments.keep(report),
    );
    this.#experiments = new Experiments(this, this.#runner);
  }

  /** Reads the address, opens the device, loads the model and starts the first run. */
  async start(query: string): Promise<void> {
    const { spec, given, problems } = parseQuery(query);
    this.#wantsBest = spec.beta === 'auto';
    this.#given = given;
    resetSpec({ ...spec, beta: betaOf(spec), model: 'demo' });
    this.#say(problems);
    const support = await checkSupport();
    if (!support.ok) {
      updateNow(() => ({ phase: 'unsupported', lastMessage: 'No graphics device' }));
      return;
    }
    this.api.subscribe((event) => this.#onEvent(event));
    const open = await this.#open(support.adapter);
    this.#tried();
    if (!open || this.#asked) return;
    if (spec.model.startsWith('hf:')) {
      const [id = '', revision = ''] = spec.model.slice(3).split('@');
      updateNow(() => ({ phase: 'ready', lastMessage: 'Waiting for your answer' }));
      uiStore.setState({ dialog: { name: 'hub', id, revision, preview: null } });
      return;
    }
    await this.load({ kind: 'demo' });
  }

  async #open(adapter: string): Promise<boolean> {
    const tested = `${navigator.userAgent}|${adapter}`;
    const forced = new URLSearchParams(location.search).get('adapter');
    const endpoint = hubEndpoint();
    try {
      const boot = await this.api.boot({
        userAgent: navigator.userAgent,
        skipSelfTest: readStorage(SELF_TEST_KEY) === tested,
        ...(forced !== null && { adapter: forced }),
        ...(endpoint !== undefined && { hub: endpoint }),
      });
      // A kernel that was replaced must be found again next time: only a clean pass is remembered.
      const { failed, replaced } = boot.selfTest;
      if (failed.length === 0 && replaced.length === 0) writeStorage(SELF_TEST_KEY, tested);
      if (failed.length > 0) {
        throw new LabError(
          'GpuUnavailableError',
          `The self-test found wrong results on this graphics device, with no kernel to replace them: ${failed.join(', ')}.`,
          'Update the graphics driver or the browser, or use another device.',
        );
      }
      updateNow(() => ({ boot }));
      this.#noteDevice();
      return true;
    } catch (cause) {
      const error = LabError.from(cause);
      if (error.kind === 'GpuUnavailableError') updateNow(() => ({ phase: 'unsupported' }));
      else {
        updateNow(() => ({ phase: 'lost', lastMessage: 'The graphics device could not be opened' }));
        this.jobs.report(error);
      }
      return false;
    }
  }

  #noteDevice(): void {
    const { boot } = runStore.getState();
    if (!boot) return;
    const { replaced } = boot.selfTest;
    if (replaced.length > 0) {
      pushNote({
        id: 'selfTest',
        text: `The self-test found wrong results on this device in: ${replaced.join(', ')}. Slower replacements are in use.`,
      });
    }
    const { spec } = specStore.getState();
    const pruner = boot.pruners.find(({ id }) => id === spec.pruner);
    if (!pruner) {
      const known = boot.pruners.map(({ id }) => id).join(', ');
      this.#say([new LabError('SpecError', `There is no pruner "${spec.pruner}".`, `Use one of ${known}.`)]);
      resetSpec({ ...spec, pruner: boot.pruners[0]?.id ?? 'wanda' });
    }
    this.#fitParams(boot);
    if (boot.slow) this.#startSmall();
  }

  /** Parameters of the address that these methods do not take are said and left out. */
  #fitParams(boot: Boot): void {
    const { spec } = specStore.getState();
    const { set, problems } = fitParams(spec.set, knownParams(boot, spec));
    this.#say(problems);
    if (problems.length > 0) resetSpec({ ...spec, set });
  }

  #startSmall(): void {
    const { spec } = specStore.getState();
    const full = { samples: spec.samples, window: spec.window, windows: spec.windows };
    if (['samples', 'window', 'windows'].some((key) => this.#given.has(key))) return;
    resetSpec({ ...spec, ...SLOW_START });
    const software = runStore.getState().boot?.device.software ?? false;
    const why = software ? 'No graphics card here, only a software adapter: ' : 'This device is slow: ';
    pushNote({
      id: 'slow',
      text: `${why}the lab starts small, with ${SLOW_START.samples} × ${SLOW_START.window} calibration tokens and ${SLOW_START.windows} windows.`,
      ...(software && { detail: softwareRemedy(navigator.userAgent) }),
      action: {
        label: `Use the full ${full.samples} × ${full.window ?? 256}`,
        run: () => {
          dismissNote('slow');
          this.commit(full);
        },
      },
    });
  }

  /** Illegal values from the address, in one alert. */
  #say(problems: LabError[]): void {
    if (problems.length === 0) return;
    pushAlert({
      kind: 'SpecError',
      message: problems.map(({ message, remedy }) => (remedy ? `${message} ${remedy}` : message)).join(' '),
      remedy: 'The default is used instead. Correct the address, or use the controls.',
      kept: 'Kept: everything else in the address.',
    });
  }

  /** Loads a model in place of the present one and runs the spec on it. */
  async load(request: ModelRequest): Promise<void> {
    this.#asked = true;
    await this.#deviceTried;
    if (request.kind === 'hub') {
      // The lab stays usable meanwhile; what is stored already costs nothing.
      updateNow(({ phase, model }) => ({ phase: model ? phase : 'loading' }));
      if (!(await this.hub.fetch(request))) {
        updateNow(({ phase }) => ({ phase: phase === 'loading' ? 'ready' : phase }));
        return;
      }
    }
    this.#runner.stop();
    this.#sweeper.stop();
    const name = nameOf(request);
    updateNow(({ phase, model }) => ({ phase: model ? phase : 'loading' }));
    const size = weightBytes(request);
    if (size > LARGE_BYTES) pushNote({ id: 'load', ...loadNote(name, size) });
    const model = await this.jobs.track('load', `Loading ${name}`, (job) => this.api.load(job, request));
    if (!model) {
      updateNow(() => ({ phase: 'ready' }));
      return;
    }
    this.#request = request;
    dismissNote('load');
    if (this.#experiments.take(request, model, specName(request, model.name))) {
      this.#writeAddress();
      return;
    }
    const { spec } = specStore.getState();
    const next = { ...spec, model: specName(request, model.name) };
    const problem = betaProblem(next, model.layers);
    if (problem) this.#say([problem]);
    const { layerSparsity: rates } = next;
    if (rates && !fitsModel(rates, model)) {
      this.#say([new LabError('SpecError', `The rates by hand do not fit ${model.name}, which has ${counted(model.layers, 'layer')}.`)]); // prettier-ignore
      delete next.layerSparsity;
    }
    uiStore.setState({ pinned: null });
    resetSpec(legalize(problem ? { ...next, beta: 0 } : next, model.layers));
    updateNow(() => ({ model, phase: 'ready', awaiting: null, ...emptyResults() }));
    if (request.kind !== 'demo') this.#writeAddress();
    model.warnings.forEach((text, i) => pushNote({ id: `model ${i}`, text }));
    await nextFrame();
    await this.#runner.run();
  }

  /** The demo model, where a question about another one was answered with no. */
  async loadIfNone(): Promise<void> {
    const { model, jobs, awaiting } = runStore.getState();
    const busy = jobs.some(({ kind }) => kind === 'load') || hubStore.getState().download !== null;
    if (!model && !awaiting && !busy) await this.load({ kind: 'demo' });
  }

  /** Files that were picked or dropped: an experiment to open again, a text, or a model. */
  async openFiles(files: PickedFile[]): Promise<void> {
    const [first] = files;
    if (!first) return;
    try {
      const found = await experimentIn(files);
      if (found) await this.openExperiment(found.report, found.source, files);
      else if (isText(files)) await this.setText('calibration', first.file);
      else await this.load(requestFromFiles(files));
    } catch (cause) {
      this.jobs.report(LabError.from(cause));
    }
  }

  /** Shows a stored experiment at once, and loads or asks for the model that it began with. */
  async openExperiment(report: RunReport, source: string, files: PickedFile[] = []): Promise<void> {
    this.cancel();
    this.#wantsBest = false;
    await this.#experiments.open(report, source, files);
    this.#writeAddress();
  }

  get experiments(): Experiments {
    return this.#experiments;
  }

  /** While a slider moves: the spec follows at once, a preview as soon as the engine has one. */
  drag(patch: Partial<LabSpec>): void {
    const next = this.#legal(patch);
    previewSpec(next);
    // A search takes as long as many runs: it is not for a drag.
    const searches = findAllocation(next.allocation).searches(next.set);
    if (runStore.getState().model && !searches) this.#runner.tick(next);
  }

  /** A finished change: one step of history, the address, and the exact run. */
  commit(patch: Partial<LabSpec> = {}): void {
    this.#runner.endDrag();
    const changed = commitSpec(this.#legal(patch));
    if (changed) this.#changed();
    else void this.#runner.run();
  }

  #legal(patch: Partial<LabSpec>): LabSpec {
    return legalize({ ...specStore.getState().spec, ...patch }, runStore.getState().model?.layers ?? null);
  }

  #changed(): void {
    this.#wantsBest = false;
    this.#writeAddress();
    this.#sweeper.specChanged(specStore.getState().spec);
    if (runStore.getState().model) void this.#runner.run();
  }

  #writeAddress(): void {
    const query = writeQuery(specStore.getState().spec, location.search);
    history.replaceState(null, '', `${location.pathname}${query}${location.hash}`);
  }

  undo(): void {
    if (undoSpec()) this.#changed();
  }

  redo(): void {
    if (redoSpec()) this.#changed();
  }

  /** The address of this experiment. */
  link(): string {
    this.#writeAddress();
    return location.href;
  }

  async #afterRun(): Promise<void> {
    const curve = await this.#sweeper.consider();
    if (curve) this.#experiments.keepWithCurve();
    if (curve && this.#wantsBest && curve.best !== null) this.commit({ beta: curve.best });
  }

  async sweep(kind: StatsKind): Promise<void> {
    if (await this.#sweeper.start(kind)) this.#experiments.keepWithCurve();
  }

  cancel(): void {
    this.#runner.stop();
    this.#sweeper.stop();
    this.api.cancel('all');
  }

  async generate(request: GenerateRequest): Promise<void> {
    const { spec } = specStore.getState();
    const { of, format } = this.quickest ?? {};
    if (of === JSON.stringify(spec)) request = { ...request, format };
    const prunedLabel = `Pruned, ${percent(spec.sparsity)} zeros`;
    updateNow(() => ({ generation: { prompt: request.prompt, running: true, prunedLabel, dense: '', pruned: '', result: null } })); // prettier-ignore
    const result = await this.jobs.track('generate', 'Generate', (job) =>
      this.api.generate(job, spec, request),
    );
    updateNow(({ generation }) => ({ generation: generation && { ...generation, running: false, result } }));
  }

  predict(kind: 'export' | 'sweep' | 'run'): Promise<Prediction> {
    return this.api.predict(kind, specStore.getState().spec);
  }

  /** One layer of the present spec (the first is 0); null when it failed, which is an alert, or was given up. */
  inspectLayer(layer: number): Promise<LayerRecord | null> {
    const { spec } = specStore.getState();
    return this.jobs.track('inspect', `Layer ${layer + 1}`, (job) => {
      this.#inspecting = job;
      return this.api.inspectLayer(job, { ...spec, beta: betaOf(spec) }, layer);
    });
  }

  stopInspecting(): void {
    if (this.#inspecting !== null) this.api.cancel(this.#inspecting);
    this.#inspecting = null;
  }

  /** Writes and verifies an export. On failure the sink is emptied and null comes back. */
  async exportTo(
    sink: ExportSink,
    options: Parameters<LabApi['exportTo']>[3],
  ): Promise<{ report: RunReport; files: ExportFile[] } | null> {
    const { spec } = specStore.getState();
    const result = await this.jobs.track('export', 'Export', (job) =>
      this.api.exportTo(job, spec, sink, options),
    );
    if (!result) await sink.abort().catch(() => undefined);
    return result;
  }

  /** Uses a text of the user's own; null goes back to the bundled one. */
  async setText(which: TextName, file: File | null): Promise<void> {
    try {
      await this.api.setText(which, file && { name: file.name, file });
    } catch (cause) {
      this.jobs.report(LabError.from(cause));
      return;
    }
    updateNow(() => emptyResults()); // another file may have the same name
    const { texts } = specStore.getState().spec;
    this.commit({ texts: { ...texts, [which]: file?.name ?? 'bundled' } });
  }

  /** Uses a text by its name: the bundled one, or one of the Hub. A file of the user's own is let go. */
  useText(which: TextName, name: string): void {
    const { texts } = specStore.getState().spec;
    if (name !== texts[which]) this.commit({ texts: { ...texts, [which]: name } });
  }

  /** After a lost device: opens it anew, loads the model again and runs the same spec. */
  async reopen(): Promise<void> {
    updateNow(() => ({ phase: 'booting', lastMessage: 'Opening the graphics device again' }));
    try {
      const boot = await this.api.reopen();
      this.jobs.lost = false;
      updateNow(() => ({ boot }));
    } catch (cause) {
      this.jobs.lost = false;
      updateNow(() => ({ phase: 'lost' }));
      this.jobs.report(LabError.from(cause));
      return;
    }
    const { spec, past, future } = specStore.getState();
    await this.load(this.#request);
    if (specStore.getState().spec.model === spec.model) specStore.setState({ past, future });
  }

  #onEvent(event: LabEvent): void {
    switch (event.type) {
      case 'progress':
        this.jobs.onProgress(event);
        return;
      case 'layers':
        this.#runner.onLayers(event);
        return;
      case 'compared':
        this.onCompared?.(event.comparison);
        return;
      case 'theory':
        this.onTheory?.(event.record);
        return;
      case 'metricSearch':
        this.onMetrics?.(event.report);
        return;
      case 'point':
        this.#sweeper.onPoint(event);
        return;
      case 'trial': {
        const { trials, budget, best } = event.search;
        const perplexity = best === null ? null : trials[best]?.perplexity;
        const found =
          perplexity === null || perplexity === undefined ? 'none yet' : perplexity.toPrecision(4);
        updateInFrame(() => ({
          lastMessage: `Search: trial ${trials.length} of ${budget}, best perplexity ${found}`,
        }));
        return;
      }
      case 'allocation':
        updateInFrame(() => ({ asked: { key: runKey(event.spec), rates: event.allocation.sparsity } }));
        return;
      case 'token':
        updateInFrame(({ generation }) => ({
          generation: generation && { ...generation, [event.side]: generation[event.side] + event.text },
        }));
        return;
      case 'memory':
        updateInFrame(() => ({ memory: event.usage }));
        return;
      case 'download':
        this.hub.onProgress(event);
        return;
      case 'warning':
        pushNote({ id: `warning ${event.text}`, text: event.text });
        return;
      case 'lost':
        this.#onLost(LabError.fromPlain(event.error));
    }
  }

  #onLost(error: LabError): void {
    if (this.jobs.lost) return;
    this.jobs.report(
      error.kind === 'DeviceLostError' ? error : new LabError('DeviceLostError', error.message, error.remedy),
    );
    this.jobs.lost = true;
    updateNow(() => ({ phase: 'lost', memory: null, lastMessage: 'The graphics device is gone' }));
  }
}

/** Weights of files that are at hand; 0 where the size was shown before (Hub) or is small (demo). */
function weightBytes(request: ModelRequest): number {
  if (request.kind !== 'files') return 0;
  const weights = request.files.filter(({ path }) => /\.(safetensors|gguf)$/i.test(path));
  return weights.reduce((sum, { file }) => sum + file.size, 0);
}

function loadNote(name: string, size: number): { text: string; detail: string } {
  return {
    text: `${name} has ${bytes(size)} of weights: loading takes as much graphics memory, and a run some more for masks and activations.`,
    detail: 'Fewer calibration samples and shorter windows lower what a run adds.',
  };
}

function nameOf(request: ModelRequest): string {
  return request.kind === 'demo' ? 'the demo model' : request.kind === 'hub' ? request.id : request.name;
}

function specName(request: ModelRequest, name: string): string {
  if (request.kind === 'demo') return 'demo';
  return request.kind === 'hub' ? hubSpecName(request) : name;
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve, 0));
    setTimeout(resolve, 250); // a hidden tab has no frames
  });
}

function readStorage(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage can be forbidden; the self-test then runs each time
  }
}

function writeStorage(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // as above
  }
}
