/**
 * The last comparison of this browser, written after every row so that a reload loses nothing. Where storage is refused
 * it lives as long as the page. Nothing here fails: it is not worth an alert.
 */
import type { Comparison } from '../../core/comparison';
import { parseStoredComparison } from '../../core/storedComparison';
import { ObjectStore } from './objectStore';

const KEY = 'last';

export class ComparisonShelf {
  readonly #store = new ObjectStore('prunelab-comparison', 'last');

  /** null where there is none, or none that this version can read. */
  async read(): Promise<Comparison | null> {
    const value = await this.#store.run('readonly', (store) => store.get(KEY) as IDBRequest<unknown>);
    if (value === null || value === undefined) return null;
    try {
      return parseStoredComparison('The stored comparison', value);
    } catch {
      return null;
    }
  }

  async write(comparison: Comparison): Promise<void> {
    await this.#store.run('readwrite', (store) => store.put(comparison, KEY));
  }

  async clear(): Promise<void> {
    await this.#store.run('readwrite', (store) => store.delete(KEY));
  }
}
