/** The tokenizer in Node: the worker is the file tokenizerWorker.js of the build. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { LabError } from '../core/errors';
import { openTokenizer, type SpawnTokenizer, type TokenizerFiles, type TokenizerHandle, type TokenizerLimits, type TokenizerReply } from './tokenizer'; // prettier-ignore
import { tokenizerServer } from './tokenizerServer';

/** Beside the program, or one folder up from a chunk of it. */
const CANDIDATES = ['./tokenizerWorker.js', '../tokenizerWorker.js'];

/**
 * In a build the tokenizer runs in a worker. Straight from the sources (unit tests) there is no worker file; there
 * it runs in this thread, without a time limit.
 */
export function nodeTokenizer(files: TokenizerFiles): Promise<TokenizerHandle> {
  if (import.meta.url.endsWith('.ts')) return openTokenizer(files, inThisThread);
  const worker = CANDIDATES.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
    existsSync(path),
  );
  if (worker === undefined) {
    throw new LabError(
      'InternalError',
      'The build has no tokenizerWorker.js.',
      'Build again with "npm run build cli".',
    );
  }
  return workerTokenizer(files, worker);
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
