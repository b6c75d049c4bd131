/** Models of the Hub on the command line, kept on disk between runs. HF_ENDPOINT names another Hub. */
import { openHubCached } from '../formats/hubCache.node';
import type { ModelFiles } from '../formats/source';
import { hubName } from '../session/hubModel';
import type { Console } from './io';

export async function hubModelFiles(
  id: string,
  console: Console,
  signal: AbortSignal,
): Promise<{ files: ModelFiles; name: string }> {
  const startMs = performance.now();
  const { model, files } = await openHubCached(id, {
    fetch: (input, init) => fetch(input, init),
    hubUrl: process.env['HF_ENDPOINT'] || undefined,
    accessToken: process.env['HF_TOKEN'] || undefined,
    signal,
    onResolved: (found, missingBytes) => {
      console.note(
        `${found.name} at ${found.commit.slice(0, 12)}: ${(found.bytes / 1e6).toFixed(1)} MB, ${(missingBytes / 1e6).toFixed(1)} MB to fetch`,
      );
    },
    onProgress: (done, total) => {
      const seconds = (performance.now() - startMs) / 1000;
      console.progress({
        type: 'progress',
        job: 0,
        stage: 'Fetching the model',
        done,
        total,
        unit: 'bytes',
        tokensPerSecond: null,
        secondsLeft: done > 0 ? ((total - done) / done) * seconds : null,
      });
    },
    onWarning: (text) => console.warn(text),
  });
  return { files, name: hubName(model) };
}
