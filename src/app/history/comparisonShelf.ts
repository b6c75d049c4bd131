/**
 * The last comparison of this browser, written after every row so that a reload loses nothing. Where storage is refused
 * it lives as long as the page. Nothing here fails: it is not worth an alert.
 */
import type { Comparison } from '../../core/comparison';
import { parseStoredComparison } from '../../core/storedComparison';

const DATABASE = 'prunelab-comparison';
const STORE = 'last';
const KEY = 'last';

export class ComparisonShelf {
  readonly #database: Promise<IDBDatabase | null>;

  constructor(factory: IDBFactory | undefined = readFactory()) {
    this.#database = openDatabase(factory);
  }

  /** null where there is none, or none that this version can read. */
  async read(): Promise<Comparison | null> {
    const value = await this.#run('readonly', (store) => store.get(KEY) as IDBRequest<unknown>);
    if (value === null || value === undefined) return null;
    try {
      return parseStoredComparison('The stored comparison', value);
    } catch {
      return null;
    }
  }

  async write(comparison: Comparison): Promise<void> {
    await this.#run('readwrite', (store) => store.put(comparison, KEY));
  }

  async clear(): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(KEY));
  }

  async #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
    const database = await this.#database;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(STORE, mode);
        const request = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }
}

function readFactory(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB;
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}

function openDatabase(factory: IDBFactory | undefined): Promise<IDBDatabase | null> {
  if (!factory) return Promise.resolve(null);
  return new Promise((resolve) => {
    try {
      const request = factory.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => resolve(null);
      request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}
