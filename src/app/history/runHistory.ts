/**
 * Past runs of this browser: reports in IndexedDB, bounded in number and size. Where storage is refused they live as
 * long as the page, and `persistent` says so. Nothing here fails: a history is not worth an alert.
 */
import type { RunReport } from '../../core/report';
import { ObjectStore } from './objectStore';

export interface PastRun {
  /** The report's id: the same run again takes the place of the one before. */
  key: string;
  /** Milliseconds since 1970. */
  savedAt: number;
  /** Length of the report as JSON. */
  bytes: number;
  report: RunReport;
}

export const MAX_RUNS = 200;
export const MAX_BYTES = 48e6;

export class RunHistory {
  readonly #store = new ObjectStore('prunelab', 'runs', { keyPath: 'key' });
  readonly #memory = new Map<string, PastRun>();

  /** False where storage is refused. */
  persistent(): Promise<boolean> {
    return this.#store.persistent();
  }

  /** The newest first. */
  async list(): Promise<PastRun[]> {
    const stored = await this.#store.run('readonly', (store) => store.getAll() as IDBRequest<PastRun[]>);
    return [...(stored ?? this.#memory.values())].sort((a, b) => b.savedAt - a.savedAt);
  }

  async put(report: RunReport, savedAt = Date.now()): Promise<void> {
    const run: PastRun = { key: report.id, savedAt, bytes: JSON.stringify(report).length, report };
    if ((await this.#store.run('readwrite', (store) => store.put(run))) === null)
      this.#memory.set(run.key, run);
    let bytes = 0;
    const over = (await this.list()).filter((kept, i) => (bytes += kept.bytes) > MAX_BYTES || i >= MAX_RUNS);
    for (const { key } of over) await this.remove(key);
  }

  async remove(key: string): Promise<void> {
    this.#memory.delete(key);
    await this.#store.run('readwrite', (store) => store.delete(key));
  }

  async clear(): Promise<void> {
    this.#memory.clear();
    await this.#store.run('readwrite', (store) => store.clear());
  }
}
