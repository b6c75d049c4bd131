import { expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { JobRunner } from './jobs';

/** A promise that a test settles. */
function hand<T = void>(): { promise: Promise<T>; give: (value: T) => void } {
  let give: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (give = resolve));
  return { promise, give };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new LabError('CancelledError', 'Cancelled.'))),
  );
}

test('foreground jobs run one after the other', async () => {
  const jobs = new JobRunner();
  const log: string[] = [];
  const first = hand();
  const a = jobs.run(1, 'export', async () => {
    log.push('a');
    await first.promise;
    log.push('a done');
  });
  const b = jobs.run(2, 'generate', () => {
    log.push('b');
    return Promise.resolve();
  });
  await settled();
  expect(log).toEqual(['a']);
  first.give();
  await Promise.all([a, b]);
  expect(log).toEqual(['a', 'a done', 'b']);
});

test('a newer run cancels the older one, and runs when that has ended', async () => {
  const jobs = new JobRunner();
  const old = jobs.run(1, 'run', ({ signal }) => untilAborted(signal));
  await settled();
  const fresh = jobs.run(2, 'run', () => Promise.resolve('fresh'));
  await expect(old).rejects.toThrow('Cancelled');
  expect(await fresh).toBe('fresh');
});

test('a waiting run that is replaced never starts', async () => {
  const jobs = new JobRunner();
  const busy = hand();
  const a = jobs.run(1, 'export', () => busy.promise);
  let started = false;
  const b = jobs.run(2, 'run', () => {
    started = true;
    return Promise.resolve();
  });
  const outcome = b.catch((error: unknown) => LabError.from(error).kind);
  await settled();
  const c = jobs.run(3, 'run', () => Promise.resolve('newest'));
  busy.give();
  await a;
  expect(await outcome).toBe('CancelledError');
  expect(started).toBe(false);
  expect(await c).toBe('newest');
});

test('a sweep is held while a foreground job runs, then goes on', async () => {
  const jobs = new JobRunner();
  const log: string[] = [];
  const go = hand();
  const sweep = jobs.run(1, 'sweep', async ({ gate }) => {
    log.push('point 1');
    await go.promise;
    await gate();
    log.push('point 2');
  });
  const busy = hand();
  const tick = jobs.run(2, 'tick', async () => {
    log.push('tick');
    await busy.promise;
  });
  await settled();
  go.give();
  await settled();
  expect(log).toEqual(['point 1', 'tick']);
  busy.give();
  await Promise.all([sweep, tick]);
  expect(log).toEqual(['point 1', 'tick', 'point 2']);
});

test('a held sweep can be cancelled', async () => {
  const jobs = new JobRunner();
  const busy = hand();
  const tick = jobs.run(2, 'tick', () => busy.promise);
  await settled();
  const sweep = jobs.run(1, 'sweep', async ({ gate, signal }) => {
    await gate();
    if (signal.aborted) throw new LabError('CancelledError', 'Cancelled.');
  });
  await settled();
  jobs.cancel(1);
  await expect(sweep).rejects.toThrow('Cancelled');
  busy.give();
  await tick;
  await jobs.settled();
});

test('a failing job does not block the next', async () => {
  const jobs = new JobRunner();
  await expect(jobs.run(1, 'run', () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
  expect(await jobs.run(2, 'run', () => Promise.resolve(7))).toBe(7);
});
