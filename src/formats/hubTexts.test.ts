import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defaultSpec, type LabSpec } from '../core/spec';
import { TextStore } from '../session/texts';
import { FakeHub } from '../testing/fakeHub.node';
import type { OpenedModel } from './hfModel';
import { memoryStorage, type HubStorage } from './hubStorage';
import { jsonLines, openHubText, parquetTexts, type HubTextOptions } from './hubTexts';
import { memorySource } from './source';
import { documentWindows, longDocuments } from './texts';

const WIKI = 'b086'.padEnd(40, '0');
const C4 = '1588'.padEnd(40, '0');
const rows = ['', ' = Title = \n', '', ' A sentence with ünïcode .\n', 'x'.repeat(5000)];
const documents = Array.from({ length: 1500 }, (_, i) => `document ${i} `.repeat(1 + ((i * 7) % 40)));
const noise = (length: number): string => Array.from({ length }, () => Math.random().toString(36)).join('');

/** A frame of raw blocks: what a reader of Zstandard must take, without a compressor. */
function zstd(bytes: Uint8Array): Uint8Array {
  const parts: number[] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0];
  for (let i = 0; i < 4; i++) parts.push((bytes.length >>> (8 * i)) & 255);
  for (let at = 0; at < bytes.length || at === 0; at += 65_536) {
    const block = bytes.subarray(at, at + 65_536);
    const header = (block.length << 3) | (at + 65_536 >= bytes.length ? 1 : 0);
    parts.push(header & 255, (header >>> 8) & 255, (header >>> 16) & 255, ...block);
  }
  return Uint8Array.from(parts);
}

const parquet = (codec: 'SNAPPY' | 'GZIP' | 'ZSTD' | 'UNCOMPRESSED', name = 'text'): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name, data: rows, type: 'STRING' }],
      codec,
      compressors: { GZIP: (bytes) => new Uint8Array(gzipSync(bytes)), ZSTD: zstd },
    }),
  );
const gz = (lines: string[]): Uint8Array => new Uint8Array(gzipSync(lines.join('\n') + '\n'));
const c4 = gz(documents.map((text) => JSON.stringify({ text, timestamp: 'x', url: 'y' })));

let hub: FakeHub;
let storage: HubStorage;
beforeAll(async () => {
  hub = await FakeHub.start(
    {
      kind: 'dataset',
      name: 'Salesforce/wikitext',
      commit: WIKI,
      files: {
        'wikitext-2-raw-v1/test-00000-of-00001.parquet': parquet('SNAPPY'),
        'wikitext-2-raw-v1/validation-00000-of-00001.parquet': parquet('ZSTD'),
      },
    },
    {
      kind: 'dataset',
      name: 'allenai/c4',
      commit: C4,
      files: {
        'en/c4-train.00000-of-01024.json.gz': c4,
        'en/c4-validation.00000-of-00008.json.gz': c4,
      },
    },
  );
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.reset();
  storage = memoryStorage();
});
const options = (more: Partial<HubTextOptions> = {}): HubTextOptions => ({
  fetch: (url, init) => fetch(url, init),
  hubUrl: hub.url,
  wait: () => Promise.resolve(),
  storage,
  ...more,
});

async function take(source: AsyncIterable<string> | undefined, count: number): Promise<string[]> {
  const out: string[] = [];
  for await (const text of source ?? []) {
    out.push(text);
    if (out.length === count) break;
  }
  return out;
}

describe('WikiText-2', () => {
  test.each(['SNAPPY', 'GZIP', 'ZSTD', 'UNCOMPRESSED'] as const)('rows of a %s file', async (codec) => {
    expect(await parquetTexts('f', memorySource('f', parquet(codec)))).toEqual(rows);
  });

  test('lines joined, pinned to the commit, kept, and there without a network', async () => {
    const text = await openHubText('hf:wikitext-2/test', options());
    expect(text).toEqual({
      source: `hf:Salesforce/wikitext@${WIKI}/wikitext-2-raw-v1/test-00000-of-00001.parquet`,
      text: rows.join('\n\n'),
    });
    expect(hub.requests.filter((r) => r.file).every((r) => r.path.includes(WIKI) || r.server === 'cdn')).toBe(true); // prettier-ignore
    hub.reset();
    expect(await openHubText('hf:wikitext-2/test', options())).toEqual(text);
    expect(hub.requests.filter((r) => r.file)).toEqual([]);
    const offline = options({ hubUrl: 'http://127.0.0.1:1' });
    expect(await openHubText('hf:wikitext-2/test', offline)).toEqual(text);
    expect(await openHubText(`hf:wikitext-2/test@${WIKI}`, offline)).toEqual(text);
    await expect(openHubText('hf:wikitext-2/validation', offline)).rejects.toMatchObject({ kind: 'FetchError' }); // prettier-ignore
  });

  test('damage is named', async () => {
    for (const bad of [
      new Uint8Array(0),
      new Uint8Array(100),
      parquet('SNAPPY').slice(0, -20),
      parquet('SNAPPY', 'other'),
    ])
      // prettier-ignore
      await expect(parquetTexts('f', memorySource('f', bad))).rejects.toMatchObject({ kind: 'TextError' });
    await expect(openHubText('hf:wikitext-2/train', options())).rejects.toMatchObject({
      kind: 'FetchError',
      message: expect.stringContaining('train-00000-of-00001.parquet'),
    });
  });
});

describe('C4', () => {
  test('documents in order, and no more of the file than they need', async () => {
    const large = gz(Array.from({ length: 600 }, () => JSON.stringify({ text: noise(1200) })));
    expect(large.length).toBeGreaterThan(4 << 20);
    hub.fault = ({ server }) => (server === 'cdn' ? { bytes: large } : undefined);
    const text = await openHubText('hf:c4', options());
    expect(text.source).toBe(`hf:allenai/c4@${C4}/en/c4-train.00000-of-01024.json.gz`);
    expect(await take(text.documents?.(), 5)).toHaveLength(5);
    const ranges = hub.requests.flatMap((r) => (r.server === 'cdn' ? [r.range] : []));
    expect(ranges.slice(0, 2)).toEqual(['bytes=0-0', 'bytes=0-1048575']);
    expect(ranges.length).toBeLessThan(5);
    // What came is kept: the same documents are there without a network.
    hub.fault = () => ({ status: 500 });
    expect(await take(text.documents?.(), 5)).toHaveLength(5);
    await expect(take(text.documents?.(), 600)).rejects.toMatchObject({ kind: 'FetchError' });
  });

  test('the whole shard, and the validation text that others use', async () => {
    const text = await openHubText('hf:c4', options());
    expect(await take(text.documents?.(), Infinity)).toEqual(documents);
    const validation = await openHubText('hf:c4/validation', options());
    expect(validation.text).toBe(documents.slice(0, 1100).join(' '));
  });

  test('damage is named', async () => {
    const lines = (bytes: Uint8Array): Promise<string[]> =>
      take(jsonLines('f', (async function* () { yield bytes.slice(); })()), Infinity); // prettier-ignore
    await expect(lines(new Uint8Array(50))).rejects.toMatchObject({ kind: 'TextError' });
    await expect(lines(c4.slice(0, 500))).rejects.toMatchObject({ kind: 'TextError' });
    await expect(lines(gz(['{"text":"a"}', 'nonsense']))).rejects.toMatchObject({
      kind: 'TextError',
      message: expect.stringContaining('line 1'),
    });
    expect(await lines(new Uint8Array(gzipSync('{"text":"ä"}')))).toEqual(['ä']);
  });

  test('the draw is among documents longer than a window', async () => {
    const encode = (text: string): Promise<number[]> =>
      Promise.resolve(Array.from(text, (c) => c.charCodeAt(0)));
    async function* corpus(): AsyncGenerator<string> {
      for (let i = 0; i < 100; i++) yield String.fromCharCode(65 + (i % 26)).repeat(1 + (i % 10));
    }
    const pool = await longDocuments('c', corpus(), encode, 5, 4);
    expect(pool).toHaveLength(16);
    expect(pool.every((ids) => ids.length > 5)).toBe(true);
    const windows = documentWindows(pool, 5, 4, 3);
    expect(windows).toEqual(documentWindows(pool, 5, 4, 3));
    expect(windows).not.toEqual(documentWindows(pool, 5, 4, 4));
    expect(windows.every((w) => w.length === 5 && new Set(w).size === 1)).toBe(true);
    await expect(longDocuments('c', corpus(), encode, 11, 4)).rejects.toMatchObject({ kind: 'TextError' });
  });
});

test('as the three texts of a run, with hashes and sources', async () => {
  const model = { name: 'm', tokenizerJson: () => Promise.resolve('{}'), tokenizerConfig: () => Promise.resolve(null) }; // prettier-ignore
  const store = new TextStore(
    {
      demo: () => Promise.reject(new Error('no model')),
      bundledText: () => Promise.reject(new Error('no text')),
      hubText: (name, io) => openHubText(name, options({ ...io })),
      tokenizer: () =>
        Promise.resolve({
          encode: (text: string) => Promise.resolve(Array.from(text, (c) => c.charCodeAt(0) & 127)),
          close: () => undefined,
        } as never),
    },
    model as unknown as OpenedModel,
    { vocabulary: 128, context: 64 },
    new Map(),
  );
  const spec: LabSpec = {
    ...defaultSpec(),
    texts: { calibration: 'hf:c4', select: 'hf:wikitext-2/validation', report: 'hf:wikitext-2/test' },
    samples: 6,
    window: 32,
    windows: 5,
  };
  const calibration = await store.resolve(spec, 'calibration');
  expect(calibration.record).toMatchObject({ windows: 6, window: 32, tokens: 192 });
  expect(calibration.record.source).toContain(`allenai/c4@${C4}`);
  const report = await store.resolve(spec, 'report');
  expect(report.record).toMatchObject({ windows: 5, window: 32 });
  expect(report.record.sha256).toMatch(/^[0-9a-f]{64}$/);
  await expect(store.resolve({ ...spec, texts: { ...spec.texts, select: 'hf:c4' } }, 'select')).rejects.toMatchObject({ kind: 'TextError' }); // prettier-ignore
  await expect(store.resolve({ ...spec, texts: { ...spec.texts, select: 'hf:ptb' } }, 'select')).rejects.toMatchObject({ kind: 'SpecError' }); // prettier-ignore
  // One job's end is not the other's.
  const stop = new AbortController();
  const fresh = { ...spec, texts: { ...spec.texts, select: 'hf:c4/validation' } };
  const first = store.resolve(fresh, 'select', { signal: stop.signal });
  const second = store.resolve(fresh, 'select', { signal: new AbortController().signal });
  stop.abort();
  await expect(first).rejects.toMatchObject({ kind: 'CancelledError' });
  expect((await second).record.windows).toBe(5);
});
