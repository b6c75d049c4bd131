/** What the page shows of the Hub while something comes from there. */
import { createStore } from 'zustand/vanilla';

export interface DownloadRecord {
  /** owner/name. */
  name: string;
  done: number;
  /** 0 until it is known. */
  total: number;
  secondsLeft: number | null;
  paused: boolean;
}

export interface HubState {
  download: DownloadRecord | null;
  /** The engine holds a read token; the page itself keeps none. */
  hasToken: boolean;
}

export const hubStore = createStore<HubState>(() => ({ download: null, hasToken: false }));
