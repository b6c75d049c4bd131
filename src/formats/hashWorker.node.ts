/** Worker entry of the file hash in Node: a file of its own in the build, started by fileHash.node.ts. */
import { parentPort } from 'node:worker_threads';
import { hashServer, type HashRequest } from './fileHash';
import { usePlatformSha256 } from './sha256';
import { nodeSha256 } from './sha256.node';

const port = parentPort;
if (port) {
  usePlatformSha256(nodeSha256);
  const serve = hashServer((reply) => port.postMessage(reply));
  port.on('message', (request: HashRequest) => serve(request));
}
