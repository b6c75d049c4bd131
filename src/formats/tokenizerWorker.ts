/** Worker entry of the tokenizer in the page. */
import type { TokenizerRequest } from './tokenizer';
import { tokenizerServer } from './tokenizerServer';

const serve = tokenizerServer((reply) => self.postMessage(reply));
self.addEventListener('message', (event: MessageEvent<TokenizerRequest>) => serve(event.data));
