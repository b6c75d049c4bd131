/** The page's state as one word on its root, for tests and styles. */
import { runStore } from './stores/runStore';
import { uiStore } from './stores/uiStore';

export type PageState = 'loading' | 'ready' | 'running' | 'error' | 'unsupported';

export function pageState(): PageState {
  const { phase, jobs } = runStore.getState();
  if (phase === 'unsupported') return 'unsupported';
  if (uiStore.getState().alerts.length > 0) return 'error';
  if (phase === 'booting' || phase === 'loading') return 'loading';
  return jobs.length > 0 ? 'running' : 'ready';
}

/** Keeps `data-state` of the root as it should be. */
export function syncPageState(root: HTMLElement): void {
  const sync = (): void => {
    const state = pageState();
    if (root.dataset['state'] !== state) root.dataset['state'] = state;
  };
  runStore.subscribe(sync);
  uiStore.subscribe(sync);
  sync();
}
