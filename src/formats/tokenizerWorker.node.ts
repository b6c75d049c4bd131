/** Worker entry of the tokenizer in Node: a file of its own in the build, started by tokenizer.node.ts. */
import { parentPort } from 'node:worker_threads';
import type { TokenizerRequest } from './tokenizer';
import { tokenizerServer } from './tokenizerServer';

const port = parentPort;
if (port) {
  const serve = tokenizerServer((reply) => port.postMessage(reply));
  port.on('message', (request: TokenizerRequest) => serve(request));
}
