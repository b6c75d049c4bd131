import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUNDLED_TEXT, type ByteSlice } from './bundledText';
import { sha256Hex } from './hash';

const bytes = new Uint8Array(readFileSync(new URL(`../../public/${BUNDLED_TEXT.path}`, import.meta.url)));
const decode = (begin: number, end: number) =>
  new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(begin, end));

describe('the bundled text', () => {
  it('is the file that the constants describe', async () => {
    expect(bytes.byteLength).toBe(BUNDLED_TEXT.bytes);
    expect(await sha256Hex(bytes)).toBe(BUNDLED_TEXT.sha256);
  });

  it('has four disjoint slices that begin and end with whole chapters', () => {
    const { calibration, select, report } = BUNDLED_TEXT.slices;
    const { cloze } = BUNDLED_TEXT;
    for (const [begin, end] of [calibration, select, report, cloze]) {
      expect(decode(begin, begin + 8)).toBe('CHAPTER ');
      expect(decode(end - 1, end)).toBe('\n');
    }
    expect(decode(...select).startsWith('CHAPTER 79.')).toBe(true);
    expect(decode(...report).startsWith('CHAPTER 105.')).toBe(true);
    expect(decode(...cloze).startsWith('CHAPTER 124.')).toBe(true);
    expect(decode(...cloze).includes('\n\nEpilogue')).toBe(true);
    // Only the joining empty line lies between two slices.
    expect([
      select[0] - calibration[1],
      report[0] - select[1],
      cloze[0] - report[1],
      BUNDLED_TEXT.bytes - cloze[1],
    ]).toEqual([2, 2, 2, 0]);
  });

  it('gives about 60, 20, 10 and 10 % to calibration, choice, report and cloze set', () => {
    const share = ([begin, end]: ByteSlice) => (end - begin) / BUNDLED_TEXT.bytes;
    expect(share(BUNDLED_TEXT.slices.calibration)).toBeCloseTo(0.6, 1);
    expect(share(BUNDLED_TEXT.slices.select)).toBeCloseTo(0.2, 1);
    expect(share(BUNDLED_TEXT.slices.report)).toBeCloseTo(0.1, 1);
    expect(share(BUNDLED_TEXT.cloze)).toBeCloseTo(0.1, 1);
  });
});
