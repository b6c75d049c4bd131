import { describe, expect, it } from 'vitest';
import { memorySink } from './sinks';

describe('memorySink', () => {
  it('gives back what was written, by range and whole', async () => {
    const sink = memorySink();
    await sink.create('a.bin');
    await sink.write('a.bin', new Uint8Array([1, 2, 3]));
    await sink.write('a.bin', new Uint8Array([4, 5]));
    await sink.close('a.bin');
    expect(await sink.size('a.bin')).toBe(5);
    expect([...(await sink.read('a.bin', 2, 5))]).toEqual([3, 4, 5]);
    expect((await sink.file('a.bin')).size).toBe(5);
  });

  it('holds nothing after an abort', async () => {
    const sink = memorySink();
    await sink.create('a.bin');
    await sink.abort();
    expect(() => sink.size('a.bin')).toThrow(/could not be/);
  });

  it('refuses names that leave the folder', () => {
    for (const path of ['../up', 'a/b', '', '.hidden'])
      expect(() => memorySink().create(path)).toThrow(/no file name/);
  });
});
