/**
 * Texts of the Hub: WikiText-2 (raw) from its parquet files, C4 (English) from its compressed JSON lines. Pinned to a
 * commit, kept like models. The parquet reader is loaded with the first WikiText.
 */
import { LabError, throwIfAborted } from '../core/errors';
import { fileRequest, type HubRepo } from './hub';
import { storedPath } from './hubCache';
import { partOf } from './hubDownload';
import { parquetRows, resolveDataset, sourceOf, storedParquet, type DatasetOptions } from './hubDatasets';
import { parseHubText, type HubTextId } from './hubId';
import { httpSource } from './httpSource';
import { isJsonObject } from './json';
import type { ByteSource } from './source';

/** One long text, or separate documents in a fixed order. */
export interface HubText {
  /** For the report: 'hf:owner/name@commit/path'. */
  source: string;
  text?: string;
  documents?: () => AsyncIterable<string>;
}

export type HubTextOptions = DatasetOptions;

const REPOS: Record<HubTextId['text'], string> = { 'wikitext-2': 'Salesforce/wikitext', c4: 'allenai/c4' };
const WIKITEXT_FOLDER = 'wikitext-2-raw-v1';
/** Other programs take this many validation documents of C4, joined with a space. */
const C4_VALIDATION_DOCUMENTS = 1100;
/** One request; the download ends within this much of what is needed. */
const BLOCK_BYTES = 1 << 20;
/** What was read before a failure has this long to come out decompressed. */
const DRAIN_MS = 1000;
/** Of decompressed characters without a line end: no document is that long. */
const MAX_LINE = 64 << 20;

/** Opens a text by its name (see HUB_TEXTS). FetchError or TextError; nothing but what is needed is downloaded. */
export async function openHubText(name: string, options: HubTextOptions): Promise<HubText> {
  const id = parseHubText(name);
  const repo = await resolveDataset(REPOS[id.text], id.revision ?? 'main', options);
  if (id.text === 'wikitext-2') {
    const path = `${WIKITEXT_FOLDER}/${id.split}-00000-of-00001.parquet`;
    return { source: sourceOf(repo, path), text: await wikitext(repo, path, options) };
  }
  const path =
    id.split === 'train' ? 'en/c4-train.00000-of-01024.json.gz' : 'en/c4-validation.00000-of-00008.json.gz';
  const documents = (): AsyncIterable<string> => jsonLines(path, prefix(repo, path, options));
  if (id.split === 'train') return { source: sourceOf(repo, path), documents };
  const taken: string[] = [];
  for await (const document of documents()) {
    taken.push(document);
    if (taken.length === C4_VALIDATION_DOCUMENTS) break;
  }
  return { source: sourceOf(repo, path), text: taken.join(' ') };
}

/** Rows of the column "text" joined as the papers join them (docs/methods.md, perplexity): two line ends between. */
async function wikitext(repo: HubRepo, path: string, options: HubTextOptions): Promise<string> {
  return (await parquetTexts(path, await storedParquet(repo, path, options))).join('\n\n');
}

/** All values of the column "text". TextError when the file is no such parquet file. */
export async function parquetTexts(name: string, source: ByteSource): Promise<string[]> {
  const rows = await parquetRows(name, source, ['text']);
  return rows.map(({ text }, row) => {
    if (typeof text === 'string') return text;
    throw new LabError(
      'TextError',
      `${name}: row ${row} of the column "text" is no text.`,
      'Use another file.',
    );
  });
}

/** The file from its begin, as far as the reader goes: first what is stored, then the network, which is kept as well. */
async function* prefix(
  repo: HubRepo,
  path: string,
  options: HubTextOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { storage, signal } = options;
  const { url, http } = fileRequest(repo, path, options);
  // Ends a response that is still open when enough was read.
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal?.addEventListener('abort', stop, { once: true });
  const part = await storage.part(partOf(storedPath(repo, path)));
  let remote: ByteSource | undefined;
  try {
    for (let at = 0; ;) {
      throwIfAborted(signal);
      if (at < part.size) {
        const bytes = await part.read(at, Math.min(part.size, at + BLOCK_BYTES));
        at += bytes.byteLength;
        yield bytes;
        continue;
      }
      remote ??= await httpSource(path, url, { ...http, signal: end.signal });
      if (at >= remote.size) return;
      const bytes = await remote.read(at, Math.min(remote.size, at + BLOCK_BYTES));
      await part.append(bytes);
      at += bytes.byteLength;
      options.onProgress?.(at, remote.size);
      yield bytes;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    end.abort();
    await part.close();
  }
}

/** The member "text" of each line of compressed JSON lines. TextError names the line that is none. */
export async function* jsonLines(
  name: string,
  compressed: AsyncGenerator<Uint8Array<ArrayBuffer>, void>,
): AsyncGenerator<string, void> {
  let fail: (cause: unknown) => void = () => undefined;
  // Streams read ahead. That more cannot be had matters only when what came before is used up.
  const failed = new Promise<never>((_, reject) => {
    fail = (cause) => setTimeout(reject, DRAIN_MS, cause);
  });
  failed.catch(() => undefined);
  const bytes = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await compressed.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          fail(error);
        }
      },
    },
    { highWaterMark: 0 },
  );
  const reader = bytes.pipeThrough(new DecompressionStream('gzip')).getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let line = 0;
  try {
    for (;;) {
      const next = reader.read().catch((cause: unknown) => {
        throw new LabError(
          'TextError',
          `${name}: not a gzip file, or cut off.`,
          'Delete it from the storage and try again.',
          { cause },
        );
      });
      const { done, value } = await Promise.race([next, failed]);
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (done && rest !== '') lines.push(rest);
      for (const text of lines) yield textOf(name, text, line++);
      if (done) return;
      if (rest.length > MAX_LINE)
        throw new LabError('TextError', `${name}: line ${line} has more than ${MAX_LINE} characters.`, 'Use another file.'); // prettier-ignore
    }
  } finally {
    // Not awaited: a stream whose source has failed never ends by itself.
    reader.cancel().catch(() => undefined);
    await compressed.return();
  }
}

function textOf(name: string, line: string, index: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = null;
  }
  if (isJsonObject(value) && typeof value.text === 'string') return value.text;
  throw new LabError(
    'TextError',
    `${name}: line ${index} is no JSON object with a "text".`,
    'Delete it from the storage and try again.',
  );
}
