/** The file hash in Node: the worker is the file hashWorker.js of the build. */
import { Worker } from 'node:worker_threads';
import type { HashReply, SpawnHash } from './fileHash';

/** `path` is the built worker file. */
export function nodeHashWorker(path: string): SpawnHash {
  return (reply, fail) => {
    const worker = new Worker(path, { name: 'hash' });
    worker.on('message', (message: HashReply) => reply(message));
    worker.on('error', (error) => fail(String(error)));
    return {
      post: (request, transfer) => worker.postMessage(request, transfer),
      hold: (on) => (on ? worker.ref() : worker.unref()),
    };
  };
}
