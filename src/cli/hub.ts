/** Models of the Hub on the command line, kept on disk between runs. HF_ENDPOINT names another Hub. */
import { isCancelled } from '../core/errors';
import { openModel } from '../formats/hfModel';
import { hubOrigin, type HubModel, type HubOptions } from '../formats/hub';
import {
  downloadModel,
  headerFiles,
  missingBytes,
  resolveStored,
  storedFiles,
  type CacheOptions,
} from '../formats/hubCache';
import { defaultCache } from '../formats/hubCache.node';
import { outline } from '../formats/describeModel';
import type { HubStorage } from '../formats/hubStorage';
import { diskStorage } from '../formats/hubStorage.node';
import type { ModelFiles } from '../formats/source';
import { planModel } from '../models/inspect';
import type { Console } from './io';

/** Whether a model argument means the Hub: `hf:…` or the address of a page of it. */
export function isHubModel(model: string): boolean {
  return /^(hf:|https?:\/\/)/i.test(model);
}

/** How this command line reaches the Hub: HF_ENDPOINT, and HF_TOKEN for its own origin only. */
export function hubOptions(signal: AbortSignal | undefined): HubOptions {
  return {
    fetch: (input, init) => fetch(input, init),
    hubUrl: process.env['HF_ENDPOINT'] || undefined,
    accessToken: process.env['HF_TOKEN'] || undefined,
    tokenHint: 'set HF_TOKEN to a read token',
    signal,
  };
}

export function hubStorage(): HubStorage {
  return diskStorage(defaultCache());
}

/**
 * Resolves the model and looks into its headers, which says whether the lab opens it; `headers` stops there, otherwise
 * what is missing is downloaded. A download that was cancelled goes on with the next run.
 */
export async function hubModelFiles(
  id: string,
  console: Console,
  signal: AbortSignal,
  want: 'headers' | 'all',
): Promise<{ files: ModelFiles; name: string }> {
  const storage = hubStorage();
  const options: CacheOptions = { ...hubOptions(signal), onWarning: (text) => console.warn(text) };
  const model = await resolveStored(id, storage, options);
  const { source: name } = hubOrigin(model);
  const headers = await headerFiles(model, storage, options);
  if (want === 'headers') return { files: headers, name };
  const missing = await missingBytes(model, storage);
  if (missing > 0) {
    // Refused before its weights come, not after.
    const opened = await openModel(headers);
    const { config, parameters } = planModel(opened);
    const types = Object.keys(outline(opened).dtypes).join(', ');
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    console.note(
      `${model.name} at ${model.commit.slice(0, 12)}: ${config.architecture}, ${(parameters / 1e6).toFixed(1)} M parameters in ${types}; ${model.files.length} files, ${megabytes(model.bytes)} MB, ${megabytes(missing)} MB to fetch`,
    );
    await fetchAll(model, storage, options, console);
  }
  return { files: storedFiles(model, storage), name };
}

async function fetchAll(
  model: HubModel,
  storage: HubStorage,
  options: CacheOptions,
  console: Console,
): Promise<void> {
  const startMs = performance.now();
  let first: number | null = null;
  await downloadModel(model, storage, {
    ...options,
    onProgress: (done, total) => {
      first ??= done;
      const seconds = (performance.now() - startMs) / 1000;
      console.progress({
        type: 'progress',
        job: 0,
        stage: 'Fetching the model',
        done,
        total,
        unit: 'bytes',
        tokensPerSecond: null,
        secondsLeft: done > first ? ((total - done) / (done - first)) * seconds : null,
      });
    },
  }).catch((error: unknown) => {
    if (isCancelled(error)) console.note('What has come is kept; the same command goes on from there.');
    throw error;
  });
}
