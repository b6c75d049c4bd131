/** One store of IndexedDB. Where storage is refused or fails, every answer is null: nothing here throws. */

export class ObjectStore {
  readonly #store: string;
  readonly #database: Promise<IDBDatabase | null>;

  constructor(database: string, store: string, options?: IDBObjectStoreParameters) {
    this.#store = store;
    this.#database = open(database, store, options);
  }

  /** False where storage is refused. */
  async persistent(): Promise<boolean> {
    return (await this.#database) !== null;
  }

  /** null where there is no storage, or it failed. */
  async run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
    const database = await this.#database;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(this.#store, mode);
        const request = work(transaction.objectStore(this.#store));
        // A write counts when its transaction has ended: a full disk shows there.
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }
}

function open(name: string, store: string, options?: IDBObjectStoreParameters): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    try {
      // Browsers may forbid even the look at it.
      const request = globalThis.indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(store, options);
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
