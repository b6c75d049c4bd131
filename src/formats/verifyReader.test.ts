import { expect, test } from 'vitest';
import { BLOCK, BlockReader } from './verifyReader';

test('every byte once and in order, though the memory of what was read goes away', async () => {
  const size = 2 * BLOCK + 1000;
  const file = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 9)) % 253);
  const folder = {
    list: () => Promise.resolve(['f']),
    size: () => Promise.resolve(size),
    read: (_: string, begin: number, end: number) => Promise.resolve(file.slice(begin, end)),
  };
  let given = 0;
  const reader = new BlockReader(folder, 'f', size, (block) => {
    expect(Buffer.compare(block, file.subarray(given, given + block.byteLength))).toBe(0);
    given += block.byteLength;
    // As a worker takes it.
    structuredClone(block, { transfer: [block.buffer] });
    return Promise.resolve();
  });
  const step = 3_000_001;
  for (let at = 0; at < size; at += step) {
    const end = Math.min(size, at + step);
    expect(Buffer.compare(await reader.read(at, end), file.subarray(at, end))).toBe(0);
  }
  await reader.finish();
  expect(given).toBe(size);
});
