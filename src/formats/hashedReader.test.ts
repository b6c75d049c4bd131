import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HashedReader } from './hashedReader';
import { memorySource, type ByteSource } from './source';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) % 251);
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const source = memorySource('file', BYTES);

describe('HashedReader', () => {
  for (const blockBytes of [1, 7, 64, 999, 1000, 5000]) {
    test(`gives every byte once in whole units, blocks of ${blockBytes}`, async () => {
      for (const [most, unit] of [
        [12, 4],
        [100, 10],
        [1000, 1000],
        [1, 1],
      ] as const) {
        const reader = await HashedReader.open(source, { blockBytes });
        await reader.skip(3);
        expect(reader.at).toBe(3);
        const seen: number[] = [];
        while (reader.at < 960) {
          const piece = await reader.next(960, most, unit);
          expect(piece.byteLength).toBeGreaterThan(0);
          expect(piece.byteLength).toBeLessThanOrEqual(most);
          if (reader.at < 960) expect(piece.byteLength % unit).toBe(0);
          seen.push(...piece);
        }
        expect(seen).toEqual([...BYTES.subarray(3, 960)]);
        expect(await reader.digest()).toBe(SHA256);
      }
    });
  }

  test('reads every byte of the file once, one block ahead', async () => {
    const ranges: [number, number][] = [];
    const counted: ByteSource = {
      ...source,
      read: (begin, end) => {
        ranges.push([begin, end]);
        return source.read(begin, end);
      },
    };
    const reader = await HashedReader.open(counted, { blockBytes: 300 });
    expect(ranges).toEqual([[0, 300]]);
    await reader.next(10, 10, 1);
    expect(ranges).toHaveLength(2);
    await reader.digest();
    expect(ranges).toEqual([[0, 300], [300, 600], [600, 900], [900, 1000]]); // prettier-ignore
  });

  test('a read that fails is told to whoever asks for its bytes', async () => {
    const broken: ByteSource = {
      ...source,
      read: (begin, end) => (begin < 300 ? source.read(begin, end) : Promise.reject(new Error('gone'))),
    };
    const reader = await HashedReader.open(broken, { blockBytes: 300 });
    await reader.next(300, 300, 1);
    await expect(reader.next(400, 100, 1)).rejects.toThrow('gone');
  });
});
