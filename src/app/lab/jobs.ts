/** Jobs in flight: their numbers, their progress, and what becomes of their failures. */
import { LabError } from '../../core/errors';
import type { JobKind, LabApi, LabEvent } from '../../session/protocol';
import { runStore, updateInFrame, updateNow, type JobRecord } from '../stores/runStore';
import { pushAlert } from '../stores/uiStore';

type Progress = Extract<LabEvent, { type: 'progress' }>;

export class Jobs {
  readonly api: LabApi;
  #next = 1;
  /** Set while the device is lost: failures of jobs then say nothing new. */
  lost = false;

  constructor(api: LabApi) {
    this.api = api;
  }

  /** A number for a job that is not listed (a tick). */
  number(): number {
    return this.#next++;
  }

  /** Runs a listed job. Resolves to null when it was cancelled or failed; a failure has opened an alert. */
  async track<T>(kind: JobKind, label: string, work: (job: number) => Promise<T>): Promise<T | null> {
    const id = this.#next++;
    const record: JobRecord = { id, kind, label, stage: label, done: 0, total: 0, unit: '', tokensPerSecond: null, secondsLeft: null }; // prettier-ignore
    updateNow(({ jobs }) => ({ jobs: [...jobs, record] }));
    let message = `${label}: done`;
    try {
      return await work(id);
    } catch (cause) {
      const error = LabError.from(cause);
      message = `${label}: ${error.kind === 'CancelledError' ? 'cancelled' : 'failed'}`;
      this.report(error);
      return null;
    } finally {
      updateNow(({ jobs }) => ({ jobs: jobs.filter((job) => job.id !== id), lastMessage: message }));
    }
  }

  /** Opens an alert for a failure that the user should know of. */
  report(error: LabError): void {
    if (error.kind === 'CancelledError') return;
    if (error.kind === 'DeviceLostError' && this.lost) return;
    pushAlert({
      kind: error.kind,
      message: error.message,
      remedy: error.remedy,
      kept: this.#kept(),
      reopen: error.kind === 'DeviceLostError',
    });
  }

  /** What still stands after a failure, in words. */
  #kept(): string {
    const { model, runs } = runStore.getState();
    const finished = Object.keys(runs).length;
    const parts = ['your settings'];
    if (model) parts.push(this.lost ? `the choice of ${model.name}` : `the model ${model.name}`);
    if (finished > 0) parts.push(`${finished} finished ${finished === 1 ? 'run' : 'runs'}`);
    return `Kept: ${parts.join(', ')}.`;
  }

  onProgress(event: Progress): void {
    updateInFrame(({ jobs }) => ({
      jobs: jobs.map((job) =>
        job.id === event.job
          ? { ...job, stage: event.stage, done: event.done, total: event.total, unit: event.unit, tokensPerSecond: event.tokensPerSecond, secondsLeft: event.secondsLeft } // prettier-ignore
          : job,
      ),
    }));
  }
}
