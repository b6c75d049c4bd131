/** The zero-shot evaluation of this page: which tasks, how they are read, and the last record. */
import { createStore } from 'zustand/vanilla';
import { ZERO_SHOT_TASKS, type TaskRequest, type ZeroShotMode, type ZeroShotRecord, type ZeroShotTask } from '../../core/zeroshot'; // prettier-ignore
import type { Lab } from '../lab/lab';
import { betaOf } from '../stores/legal';
import { specStore } from '../stores/specStore';

/** A file of the user's own, and the task that it is read as. */
export interface TaskFile {
  name: string;
  bytes: Uint8Array;
  task: ZeroShotTask;
}

export interface ZeroShotState {
  cloze: boolean;
  files: TaskFile[];
  /** Data sets of the Hub. */
  hub: ZeroShotTask[];
  mode: ZeroShotMode;
  limit: number | null;
  /** Also with the masks of the experiment. */
  pruned: boolean;
  record: ZeroShotRecord | null;
  /** Number of the running job. */
  job: number | null;
}

export const zeroShotStore = createStore<ZeroShotState>(() => ({
  cloze: true,
  files: [],
  hub: [],
  mode: 'paper',
  limit: null,
  pruned: true,
  record: null,
  job: null,
}));

export const change = (part: Partial<Omit<ZeroShotState, 'record' | 'job'>>): void =>
  zeroShotStore.setState(part);

/** The tasks of the state, files first read as what their names say. */
export function requestsOf({ cloze, files, hub }: ZeroShotState): TaskRequest[] {
  return [
    ...(cloze ? [{ task: 'cloze' as const }] : []),
    ...files.map(({ task, name, bytes }) => ({ task, file: { name, bytes } })),
    ...hub.map((task) => ({ task })),
  ];
}

/** The task that a file is named after. */
export function taskOfName(name: string): ZeroShotTask {
  const plain = name.toLowerCase().replaceAll(/[^a-z]/g, '');
  const named = ZERO_SHOT_TASKS.find((task) => plain.includes(task.replaceAll('_', '')));
  return (
    named ?? (plain.includes('obqa') ? 'openbookqa' : plain.includes('challenge') ? 'arc_challenge' : 'cloze')
  );
}

export async function addFiles(files: readonly File[]): Promise<void> {
  const read = await Promise.all(
    files.map(async (file) => ({
      name: file.name,
      bytes: new Uint8Array(await file.arrayBuffer()),
      task: taskOfName(file.name),
    })),
  );
  zeroShotStore.setState(({ files: before }) => ({
    files: [...before.filter(({ name }) => !read.some((file) => file.name === name)), ...read],
  }));
}

export async function start(lab: Lab): Promise<void> {
  const state = zeroShotStore.getState();
  const { spec } = specStore.getState();
  const pruned = state.pruned ? { ...spec, beta: betaOf(spec) } : null;
  const request = { tasks: requestsOf(state), mode: state.mode, limit: state.limit, items: true };
  const record = await lab.jobs.track('inspect', 'Zero-shot tasks', (job) => {
    zeroShotStore.setState({ job });
    return lab.api.zeroShot(job, pruned, request);
  });
  zeroShotStore.setState({ job: null, ...(record && { record }) });
}

export function stop(lab: Lab): void {
  const { job } = zeroShotStore.getState();
  if (job !== null) lab.api.cancel(job);
}
