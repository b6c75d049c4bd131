/** The tokenizer in the page; may be called from inside another worker. */
import { openTokenizer, type TokenizerFiles, type TokenizerHandle, type TokenizerReply } from './tokenizer';

export function webTokenizer(files: TokenizerFiles): Promise<TokenizerHandle> {
  return openTokenizer(files, (reply, fail) => {
    const worker = new Worker(new URL('./tokenizerWorker.ts', import.meta.url), {
      type: 'module',
      name: 'tokenizer',
    });
    worker.addEventListener('message', (event: MessageEvent<TokenizerReply>) => reply(event.data));
    worker.addEventListener('error', (event) => fail(event.message || 'the worker did not start'));
    worker.addEventListener('messageerror', () => fail('a message could not be read'));
    return { post: (request) => worker.postMessage(request), terminate: () => worker.terminate() };
  });
}
