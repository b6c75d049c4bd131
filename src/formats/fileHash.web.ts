/** The file hash in the page; may be called from inside another worker. */
import type { HashReply, SpawnHash } from './fileHash';

export const webHashWorker: SpawnHash = (reply, fail) => {
  const worker = new Worker(new URL('./hashWorker.ts', import.meta.url), { type: 'module', name: 'hash' });
  worker.addEventListener('message', (event: MessageEvent<HashReply>) => reply(event.data));
  worker.addEventListener('error', (event) => fail(event.message || 'the worker did not start'));
  worker.addEventListener('messageerror', () => fail('a message could not be read'));
  return { post: (request, transfer) => worker.postMessage(request, transfer), hold: () => undefined };
};
