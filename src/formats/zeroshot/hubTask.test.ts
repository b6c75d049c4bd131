import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../core/hash';
import { FakeHub } from '../../testing/fakeHub.node';
import { memoryStorage } from '../hubStorage';
import { openHubTask } from './hubTask';

const COMMIT = 'ab12'.padEnd(40, '0');
const text = (name: string, data: string[]) => ({ name, data, type: 'STRING' as const });
const piqa = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      text('goal', ['Open a jar', 'Dry a sock']),
      text('sol1', ['Turn it', 'Hang it up']),
      text('sol2', ['Burn it', 'Wet it']),
      { name: 'label', data: [0n, 1n], type: 'INT64' },
    ],
  }),
);
const boolq = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      text('passage', ['A whale is no fish.']),
      text('question', ['is a whale a fish']),
      { name: 'answer', data: [false], type: 'BOOLEAN' },
    ],
  }),
);
const wrong = new Uint8Array(parquetWriteBuffer({ columnData: [text('other', ['x'])] }));

let hub: FakeHub;
beforeAll(async () => {
  const dataset = (name: string, path: string, bytes: Uint8Array) => ({
    kind: 'dataset' as const,
    name,
    commit: COMMIT,
    revisions: ['refs/convert/parquet'],
    files: { [path]: bytes },
  });
  hub = await FakeHub.start(
    dataset('ybisk/piqa', 'plain_text/validation/0000.parquet', piqa),
    dataset('google/boolq', 'data/validation-00000-of-00001.parquet', boolq),
    dataset('nyu-mll/glue', 'rte/validation-00000-of-00001.parquet', wrong),
    dataset('Rowan/hellaswag', 'data/other.parquet', wrong),
  );
});
afterAll(() => hub.close());

describe('data sets of the Hub', () => {
  const storage = memoryStorage();
  const options = (hubUrl = hub.url) => ({
    fetch: (url: string, init?: RequestInit) => fetch(url, init),
    hubUrl,
    wait: () => Promise.resolve(),
    storage,
  });

  test('rows become documents, pinned to the commit and hashed; kept for when there is no network', async () => {
    const found = await openHubTask('piqa', undefined, options());
    expect(found).toMatchObject({
      source: `hf:ybisk/piqa@${COMMIT}/plain_text/validation/0000.parquet`,
      sha256: await sha256Hex(piqa),
    });
    expect(found.documents.map(({ gold }) => gold)).toEqual([0, 1]);
    expect(found.documents[1]?.options[0]).toEqual({
      context: 'Question: Dry a sock\nAnswer:',
      continuation: ' Hang it up',
      characters: 10,
    });
    expect(await openHubTask('piqa', COMMIT, options('http://127.0.0.1:1'))).toEqual(found);
  });

  test('truth values are answers', async () => {
    const { documents } = await openHubTask('boolq', undefined, options());
    expect(documents).toMatchObject([{ gold: 0, line: 1 }]);
  });

  test('another layout than is known is refused by name', async () => {
    await expect(openHubTask('rte', undefined, options())).rejects.toMatchObject({
      kind: 'TextError',
      message: expect.stringMatching(/not a parquet file with a column "sentence1"/) as string,
    });
    await expect(openHubTask('hellaswag', undefined, options())).rejects.toThrow(
      /there is no file data\/validation-00000-of-00001\.parquet at commit ab12/,
    );
  });
});
