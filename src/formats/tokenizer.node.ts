/** The tokenizer in Node: the worker is the file tokenizerWorker.js of the build. */
import { Worker } from 'node:worker_threads';
import { openTokenizer, type SpawnTokenizer, type TokenizerFiles, type TokenizerHandle, type TokenizerLimits, type TokenizerReply } from './tokenizer'; // prettier-ignore
import { tokenizerServer } from './tokenizerServer';
import { workerFile } from './workerFile.node';

/**
 * In a build the tokenizer runs in a worker. Straight from the sources (unit tests) there is no worker file; there
 * it runs in this thread, without a time limit.
 */
export function nodeTokenizer(files: TokenizerFiles): Promise<TokenizerHandle> {
  const worker = workerFile('tokenizerWorker');
  return worker === null ? openTokenizer(files, inThisThread) : workerTokenizer(files, worker);
}

/** `path` is the built worker file. */
export function workerTokenizer(
  files: TokenizerFiles,
  path: string,
  limits?: TokenizerLimits,
): Promise<TokenizerHandle> {
  const spawn: SpawnTokenizer = (reply, fail) => {
    const worker = new Worker(path, { name: 'tokenizer' });
    worker.on('message', (message: TokenizerReply) => reply(message));
    worker.on('error', fail);
    // The program may end while the tokenizer idles; a call in flight is waited for through its timer.
    worker.unref();
    return { post: (request) => worker.postMessage(request), terminate: () => void worker.terminate() };
  };
  return openTokenizer(files, spawn, limits);
}

const inThisThread: SpawnTokenizer = (reply) => {
  const serve = tokenizerServer(reply);
  let live = true;
  return {
    post: (request) => queueMicrotask(() => live && serve(request)),
    terminate: () => {
      live = false;
    },
  };
};
