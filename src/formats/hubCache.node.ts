/** The cache of the Hub on disk: PRUNELAB_CACHE, else ~/.cache/prunelab. A second run reads the disk. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { HubModel } from './hub';
import { openHubStored, type CacheOptions } from './hubCache';
import { diskStorage } from './hubStorage.node';
import type { ModelFiles } from './source';

export interface HubCacheOptions extends CacheOptions {
  /** Default: `defaultCache()`. */
  folder?: string;
}

export function defaultCache(env: Record<string, string | undefined> = process.env): string {
  return env.PRUNELAB_CACHE || join(homedir(), '.cache', 'prunelab');
}

/** As `openHubStored`, in a folder on disk. */
export function openHubCached(
  id: string,
  options: HubCacheOptions,
): Promise<{ model: HubModel; files: ModelFiles }> {
  return openHubStored(id, diskStorage(options.folder ?? defaultCache()), options);
}
