/**
 * The page's end of the worker boundary: starts the engine's worker and gives back its LabApi. Rejections cross the
 * boundary as PlainError values and are LabError again here; a worker that cannot start fails every call.
 */
import * as Comlink from 'comlink';
import workerUrl from 'virtual:engine-worker';
import { LabError, type PlainError } from '../core/errors';
import type { ExportSink, LabApi, LabEvent } from './protocol';

function isPlainError(value: unknown): value is PlainError {
  return typeof value === 'object' && value !== null && 'kind' in value && 'message' in value;
}

/** What a call over the boundary threw, as a LabError. */
export function rebuildError(value: unknown): LabError {
  if (value instanceof LabError) return value;
  return isPlainError(value) ? LabError.fromPlain(value) : LabError.from(value);
}

/** Starts the worker. Nothing runs on the GPU before `boot`. */
export function connectWorker(): LabApi {
  const worker = new Worker(workerUrl, { type: 'module', name: 'prunelab' });
  return wrapEndpoint(worker);
}

/** LabApi over any comlink endpoint; `worker.onerror` counts as a failure of every call. */
export function wrapEndpoint(worker: Worker): LabApi {
  const remote = Comlink.wrap<LabApi>(worker);
  const broken = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(new LabError('InternalError', `The engine stopped: ${event.message || 'its script could not be loaded'}.`, 'Reload the page.')); // prettier-ignore
    });
  });
  broken.catch(() => undefined);
  const call = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await Promise.race([result, broken]);
    } catch (error) {
      throw rebuildError(error);
    }
  };
  return {
    boot: (options) => call(remote.boot(options)),
    subscribe: (listener: (event: LabEvent) => void) => {
      call(remote.subscribe(Comlink.proxy(listener))).catch((error: unknown) => {
        listener({ type: 'lost', error: rebuildError(error).toPlain() });
      });
    },
    reopen: () => call(remote.reopen()),
    previewHub: (id, revision, endpoint) => call(remote.previewHub(id, revision, endpoint)),
    setHubToken: (token) => call(remote.setHubToken(token)),
    downloadHub: (request) => call(remote.downloadHub(request)),
    steerDownload: (action) => void call(remote.steerDownload(action)).catch(() => undefined),
    hubStorage: () => call(remote.hubStorage()),
    deleteStored: (id) => call(remote.deleteStored(id)),
    load: (job, request) => call(remote.load(job, request)),
    unload: () => call(remote.unload()),
    setText: (which, text) => call(remote.setText(which, text)),
    predict: (kind, spec) => call(remote.predict(kind, spec)),
    allocation: (job, spec) => call(remote.allocation(job, spec)),
    tick: (job, spec) => call(remote.tick(job, spec)),
    run: (job, spec) => call(remote.run(job, spec)),
    sweep: (job, spec, options) => call(remote.sweep(job, spec, options)),
    compare: (job, spec, known) => call(remote.compare(job, spec, known)),
    theory: (job, spec, known) => call(remote.theory(job, spec, known)),
    searchMetric: (job, spec, options) => call(remote.searchMetric(job, spec, options)),
    zeroShot: (job, spec, request) => call(remote.zeroShot(job, spec, request)),
    generate: (job, spec, request) => call(remote.generate(job, spec, request)),
    speed: (job, spec, request) => call(remote.speed(job, spec, request)),
    inspectLayer: (job, spec, layer) => call(remote.inspectLayer(job, spec, layer)),
    exportTo: (job, spec, sink: ExportSink, options) =>
      call(remote.exportTo(job, spec, Comlink.proxy(sink), options)),
    cancel: (job) => void call(remote.cancel(job)).catch(() => undefined),
    destroyDevice: () => void call(remote.destroyDevice()).catch(() => undefined),
    memory: () => call(remote.memory()),
  };
}
