import { expect, test } from 'vitest';
import { realPace } from './pace';

/** Keeps the thread for longer than a stretch. */
function work(): void {
  const end = performance.now() + 60;
  while (performance.now() < end);
}

test('gives way after a stretch of work only: to the event loop, then to its listener', async () => {
  const heard: string[] = [];
  const pace = realPace({
    turn: () => {
      heard.push('listener');
      return Promise.resolve();
    },
  });
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    heard.push('message');
    port1.close();
  };
  port2.postMessage(null);
  await pace.breathe();
  expect(heard).toEqual([]);
  work();
  await pace.breathe();
  expect(heard).toEqual(['message', 'listener']);
  await pace.breathe();
  expect(heard).toHaveLength(2);
});

test('rejects once cancelled, also while it gave way', async () => {
  const abort = new AbortController();
  const pace = realPace({ signal: abort.signal, turn: () => Promise.reject(new Error('too late')) });
  work();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    abort.abort();
    port1.close();
  };
  port2.postMessage(null);
  await expect(pace.breathe()).rejects.toMatchObject({ kind: 'CancelledError' });
  await expect(pace.breathe()).rejects.toMatchObject({ kind: 'CancelledError' });
});
