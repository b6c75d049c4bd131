/** Downloads from the Hub as the page steers them: beside all other work, with pause, resume and stop. */
import { LabError } from '../../core/errors';
import { hubIdText, parseHubId } from '../../formats/hubId';
import type { HubRequest, LabApi, LabEvent } from '../../session/protocol';
import { hubStore } from '../stores/hubStore';
import { updateNow } from '../stores/runStore';

export class HubLoads {
  readonly #api: LabApi;
  readonly #report: (error: LabError) => void;
  #current = 0;

  constructor(api: LabApi, report: (error: LabError) => void) {
    this.#api = api;
    this.#report = report;
  }

  /** Resolves to true when everything is here; false when it was stopped or failed, which has then been said. */
  async fetch(request: HubRequest): Promise<boolean> {
    const number = ++this.#current;
    const { name } = parseHubId(request.id);
    hubStore.setState({ download: { name, done: 0, total: 0, secondsLeft: null, paused: false } });
    updateNow(() => ({ lastMessage: `Downloading ${name}` }));
    // Asked here: workers cannot. Whatever the browser answers, the download goes on.
    await navigator.storage?.persist?.().catch(() => false);
    try {
      await this.#api.downloadHub(request);
      return number === this.#current;
    } catch (cause) {
      const error = LabError.from(cause);
      const ended = error.kind === 'CancelledError' ? 'stopped, what came is kept' : 'failed';
      updateNow(() => ({ lastMessage: `Downloading ${name}: ${ended}` }));
      if (number === this.#current) this.#report(error);
      return false;
    } finally {
      if (number === this.#current) hubStore.setState({ download: null });
    }
  }

  onProgress({ name, done, total, secondsLeft }: Extract<LabEvent, { type: 'download' }>): void {
    hubStore.setState(({ download }) => ({
      download: download && { ...download, name, done, total, secondsLeft },
    }));
  }

  steer(action: 'pause' | 'resume' | 'stop'): void {
    this.#api.steerDownload(action);
    hubStore.setState(({ download }) => ({
      download: download && { ...download, paused: action === 'pause' },
    }));
  }
}

/** How spec and address name it: without the commit, so that a link follows the branch it was made for. */
export function hubSpecName(request: HubRequest): string {
  const { name, file } = parseHubId(request.id);
  return hubIdText({ name, file, revision: request.revision });
}
