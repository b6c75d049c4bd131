/**
 * The Hub in the page's worker: what a model is before anything of it is fetched, downloads that pause and resume, and
 * what is stored. This file and `@huggingface/hub` are loaded with the first use.
 */
import { LabError } from '../core/errors';
import { outline } from '../formats/describeModel';
import { openModel } from '../formats/hfModel';
import { hubOrigin, type HubModel, type HubOptions } from '../formats/hub';
import {
  downloadModel,
  headerFiles,
  listStored,
  missingBytes,
  removeStored,
  repoFolder,
  resolveStored,
  storedFiles,
} from '../formats/hubCache';
import { hubIdText } from '../formats/hubId';
import { openHubText, type HubText } from '../formats/hubTexts';
import { memoryStorage, type HubStorage } from '../formats/hubStorage';
import { browserStorage } from '../formats/hubStorage.web';
import type { ModelFiles } from '../formats/source';
import type { HubTaskId, TaskDocuments } from '../formats/zeroshot/hubTask';
import { planModel } from '../models/inspect';
import type { TextIo } from './host';
import type { HubPreview, HubRequest, HubStorageReport, LabEvent } from './protocol';

/** Room that a download leaves free of what the browser gives. */
const RESERVE_BYTES = 16 << 20;
const NO_STORAGE =
  'This browser stores nothing for this page (a private window or its settings), so what is downloaded stays in memory until the page is closed.';

interface Download {
  name: string;
  stop: AbortController;
  pause: AbortController;
  /** Set while paused. */
  held: Promise<void> | undefined;
  release: () => void;
}

export class HubDesk {
  readonly #emit: (event: LabEvent) => void;
  readonly #memory = memoryStorage();
  #browser: Promise<HubStorage | null> | undefined;
  /** Models resolved in this visit, by repository, file and commit: a commit never changes. */
  readonly #resolved = new Map<string, HubModel>();
  #token: string | undefined;
  #download: Download | null = null;
  #inUse: string | null = null;

  constructor(emit: (event: LabEvent) => void) {
    this.#emit = emit;
  }

  /** Kept in this worker's memory only. */
  setToken(token: string | null): void {
    this.#token = token?.trim() || undefined;
  }

  /** For other readers of the Hub (texts). */
  options(endpoint: string | undefined, signal?: AbortSignal): HubOptions {
    return {
      fetch: (input, init) => fetch(input, init),
      hubUrl: endpoint,
      accessToken: this.#token,
      tokenHint: 'give a read token in the dialog "A model from the Hub"',
      signal,
    };
  }

  /** Where texts and models go; memory where the browser refuses. */
  async storage(): Promise<HubStorage> {
    this.#browser ??= browserStorage().catch(() => null);
    return (await this.#browser) ?? this.#memory;
  }

  /** From config and headers; weights are not fetched. */
  async preview(id: string, revision: string | undefined, endpoint: string | undefined): Promise<HubPreview> {
    const options = this.options(endpoint);
    const main = await this.storage();
    const model = await resolveStored(id, main, { ...options, revision, onWarning: this.#warn });
    this.#resolved.set(keyOf(model), model);
    const place = await this.#placeOf(model);
    const opened = await openModel(await headerFiles(model, place.storage, options));
    const known = outline(opened);
    const base = {
      id: hubIdText({ name: model.name, file: model.file }),
      name: model.name,
      revision: model.revision,
      commit: model.commit,
      bytes: model.bytes,
      missingBytes: await missingBytes(model, place.storage),
      files: model.files.map(({ path, size }) => ({ path, size })),
      dtypes: known.dtypes,
      memoryOnly: place.memoryOnly,
    };
    try {
      const { config, parameters } = planModel(opened);
      return { ...base, architecture: config.architecture, parameters, supported: true, reason: null };
    } catch (cause) {
      const { message } = LabError.from(cause);
      return {
        ...base,
        architecture: known.architecture,
        parameters: known.elements,
        supported: false,
        reason: message,
      };
    }
  }

  /** Downloads what is missing. One at a time: a second one stops the first. */
  async download(request: HubRequest): Promise<void> {
    this.#download?.stop.abort();
    const stop = new AbortController();
    const download: Download = {
      name: request.id,
      stop,
      pause: new AbortController(),
      held: undefined,
      release: () => undefined,
    };
    this.#download = download;
    try {
      const model = await this.#resolve(request, stop.signal);
      const { storage, memoryOnly } = await this.#placeOf(model);
      if (memoryOnly !== null && storage.kind === 'memory') this.#emit({ type: 'warning', text: memoryOnly });
      const startMs = performance.now();
      let first: number | null = null;
      await downloadModel(model, storage, {
        ...this.options(request.endpoint, stop.signal),
        gate: () => download.held,
        pauseSignal: () => download.pause.signal,
        onProgress: (done, total) => {
          first ??= done;
          const seconds = (performance.now() - startMs) / 1000;
          const came = done - first;
          this.#emit({
            type: 'download',
            name: model.name,
            done,
            total,
            secondsLeft: seconds > 1 && came > 0 ? ((total - done) / came) * seconds : null,
          });
        },
      });
    } finally {
      if (this.#download === download) this.#download = null;
    }
  }

  /** Ends, holds or continues the download; nothing when there is none. What came stays, for the next time. */
  steer(action: 'pause' | 'resume' | 'stop'): void {
    const download = this.#download;
    if (!download) return;
    if (action === 'pause') {
      download.held ??= new Promise((resolve) => (download.release = resolve));
      download.pause.abort();
    } else {
      if (action === 'stop') download.stop.abort();
      download.held = undefined;
      download.pause = new AbortController();
      download.release();
    }
  }

  /** Files of a model, fetched where something is missing; nothing is fetched again later. */
  async open(
    request: HubRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ files: ModelFiles; name: string }> {
    const model = await this.#resolve(request, signal);
    const { storage } = await this.#placeOf(model);
    await downloadModel(model, storage, this.options(request.endpoint, signal));
    return { files: storedFiles(model, storage), name: hubOrigin(model).source };
  }

  /** A text by its name, fetched where it is not stored. */
  async text(name: string, endpoint: string | undefined, io: TextIo): Promise<HubText> {
    const storage = await this.storage();
    return openHubText(name, { ...this.options(endpoint, io.signal), storage, onProgress: io.onProgress });
  }

  async task(
    task: HubTaskId,
    revision: string | undefined,
    endpoint: string | undefined,
    io: TextIo,
  ): Promise<TaskDocuments> {
    const { openHubTask } = await import('../formats/zeroshot/hubTask');
    const options = this.options(endpoint, io.signal);
    return openHubTask(task, revision, {
      ...options,
      storage: await this.storage(),
      onProgress: io.onProgress,
    });
  }

  /** The model that is now loaded (null: none of the Hub). Memory that others held is given back. */
  async loaded(request: HubRequest | null): Promise<void> {
    const model = request ? await this.#resolve(request, undefined) : null;
    this.#inUse = model ? `${repoFolder(model)}/${model.commit}` : null;
    for (const repo of await listStored(this.#memory))
      if (repo.kind === 'model' && repo.id !== this.#inUse) await removeStored(this.#memory, repo.id);
  }

  async report(): Promise<HubStorageReport> {
    const main = await this.storage();
    const stored = await listStored(main);
    if (main !== this.#memory) stored.push(...(await listStored(this.#memory)));
    const estimate = await navigator.storage?.estimate?.().catch(() => null);
    return {
      items: stored.map(({ id, kind, name, commit, bytes, complete }) => ({
        id,
        kind,
        name,
        commit,
        bytes,
        complete,
        inUse: id === this.#inUse,
      })),
      usage: estimate?.usage ?? null,
      quota: estimate?.quota ?? null,
      persisted: (await navigator.storage?.persisted?.().catch(() => null)) ?? null,
      memoryOnly: main === this.#memory ? NO_STORAGE : null,
    };
  }

  /** Deletes one item, or all but what is loaded (null). */
  async remove(id: string | null): Promise<HubStorageReport> {
    if (id !== null && id === this.#inUse) {
      throw new LabError(
        'SpecError',
        'This model is loaded; its export still reads it.',
        'Load another model first.',
      );
    }
    for (const storage of new Set([await this.storage(), this.#memory]))
      for (const repo of await listStored(storage))
        if (repo.id !== this.#inUse && (id === null || repo.id === id)) await removeStored(storage, repo.id);
    return this.report();
  }

  readonly #warn = (text: string): void => this.#emit({ type: 'warning', text });

  async #resolve(request: HubRequest, signal: AbortSignal | undefined): Promise<HubModel> {
    const options = this.options(request.endpoint, signal);
    for (const model of this.#resolved.values())
      if (request.commit === model.commit && hubIdText({ name: model.name, file: model.file }) === request.id)
        return model;
    const { revision, commit } = request;
    const model = await resolveStored(request.id, await this.storage(), {
      ...options,
      revision,
      commit,
      onWarning: this.#warn,
    });
    this.#resolved.set(keyOf(model), model);
    return model;
  }

  /** Memory where the browser has no storage, or too little for what is missing. */
  async #placeOf(model: HubModel): Promise<{ storage: HubStorage; memoryOnly: string | null }> {
    const main = await this.storage();
    if (main === this.#memory) return { storage: main, memoryOnly: NO_STORAGE };
    const missing = await missingBytes(model, main);
    if (missing === 0) return { storage: main, memoryOnly: null };
    const { usage = 0, quota } = (await navigator.storage.estimate().catch(() => null)) ?? {};
    const free = quota === undefined ? Infinity : quota - usage - RESERVE_BYTES;
    if (missing <= free) return { storage: main, memoryOnly: null };
    const megabytes = (bytes: number): string => `${(Math.max(0, bytes) / 1e6).toFixed(0)} MB`;
    return {
      storage: this.#memory,
      memoryOnly: `${model.name} needs ${megabytes(missing)} and this browser has ${megabytes(free)} left for this page, so it stays in memory until the page is closed. Deleting stored models makes room.`,
    };
  }
}

const keyOf = (model: HubModel): string => hubOrigin(model).source;
