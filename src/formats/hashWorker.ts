/** Worker entry of the file hash in the page. */
import { hashServer, type HashRequest } from './fileHash';

const serve = hashServer((reply) => self.postMessage(reply));
self.addEventListener('message', (event: MessageEvent<HashRequest>) => serve(event.data));
