/**
 * Past runs of this browser: reports in IndexedDB, bounded in number and size. Where storage is refused they live as
 * long as the page, and `persistent` says so. Nothing here fails: a history is not worth an alert.
 */
import type { RunReport } from '../../core/report';

export interface PastRun {
  /** The report's id: the same run again takes the place of the one before. */
  key: string;
  /** Milliseconds since 1970. */
  savedAt: number;
  /** Length of the report as JSON. */
  bytes: number;
  report: RunReport;
}

const DATABASE = 'prunelab';
const STORE = 'runs';
export const MAX_RUNS = 200;
export const MAX_BYTES = 48e6;

export class RunHistory {
  readonly #database: Promise<IDBDatabase | null>;
  readonly #memory = new Map<string, PastRun>();

  constructor(factory: IDBFactory | undefined = readFactory()) {
    this.#database = openDatabase(factory);
  }

  /** False where storage is refused. */
  async persistent(): Promise<boolean> {
    return (await this.#database) !== null;
  }

  /** The newest first. */
  async list(): Promise<PastRun[]> {
    const stored = await this.#run('readonly', (store) => store.getAll() as IDBRequest<PastRun[]>);
    return [...(stored ?? this.#memory.values())].sort((a, b) => b.savedAt - a.savedAt);
  }

  async put(report: RunReport, savedAt = Date.now()): Promise<void> {
    const run: PastRun = { key: report.id, savedAt, bytes: JSON.stringify(report).length, report };
    if ((await this.#run('readwrite', (store) => store.put(run))) === null) this.#memory.set(run.key, run);
    let bytes = 0;
    const over = (await this.list()).filter((kept, i) => (bytes += kept.bytes) > MAX_BYTES || i >= MAX_RUNS);
    for (const { key } of over) await this.remove(key);
  }

  async remove(key: string): Promise<void> {
    this.#memory.delete(key);
    await this.#run('readwrite', (store) => store.delete(key));
  }

  async clear(): Promise<void> {
    this.#memory.clear();
    await this.#run('readwrite', (store) => store.clear());
  }

  /** null where there is no storage, or it failed. */
  async #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
    const database = await this.#database;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(STORE, mode);
        const request = work(transaction.objectStore(STORE));
        // A write counts when its transaction has ended: a full disk shows there.
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
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'key' });
      request.onsuccess = () => {
        // Another tab with a newer version must not wait for this one.
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
