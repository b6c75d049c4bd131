/** The speed measurement of this page: how much is measured, what came out, what generation uses from then on. */
import { createStore } from 'zustand/vanilla';
import type { SpeedRecord } from '../../core/speed';
import { STORAGE_FORMATS } from '../../core/sparseSizes';
import type { Lab } from '../lab/lab';
import { betaOf } from '../stores/legal';
import { specStore } from '../stores/specStore';

export interface SpeedState {
  tokens: number;
  reps: number;
  record: SpeedRecord | null;
  /** Number of the running job. */
  job: number | null;
}

export const PROMPT_TOKENS = 32;

export const speedStore = createStore<SpeedState>(() => ({ tokens: 128, reps: 5, record: null, job: null }));

/** Measures the experiment at hand; generation then reads the pruned model from the format that was the quickest. */
export async function start(lab: Lab): Promise<void> {
  const { tokens, reps } = speedStore.getState();
  const { spec } = specStore.getState();
  const asked = { ...spec, beta: betaOf(spec) };
  const request = { formats: STORAGE_FORMATS, promptTokens: PROMPT_TOKENS, tokens, reps, warmup: 2 };
  const record = await lab.jobs.track('generate', 'Speed', (job) => {
    speedStore.setState({ job });
    return lab.api.speed(job, asked, request);
  });
  if (record) lab.quickest = { of: JSON.stringify(spec), format: record.fastest };
  speedStore.setState({ job: null, ...(record && { record }) });
}

export function stop(lab: Lab): void {
  const { job } = speedStore.getState();
  if (job !== null) lab.api.cancel(job);
}
