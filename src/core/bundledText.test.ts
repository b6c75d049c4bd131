import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUNDLED_TEXT } from './bundledText';
import { sha256Hex } from './hash';

const bytes = new Uint8Array(readFileSync(new URL(`../../public/${BUNDLED_TEXT.path}`, import.meta.url)));
const decode = (begin: number, end: number) =>
  new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(begin, end));

describe('the bundled text', () => {
  it('is the file that the constants describe', async () => {
    expect(bytes.byteLength).toBe(BUNDLED_TEXT.bytes);
    expect(await sha256Hex(bytes)).toBe(BUNDLED_TEXT.sha256);
  });

  it('has three disjoint slices that begin and end with whole chapters', () => {
    const { calibration, select, report } = BUNDLED_TEXT.slices;
    for (const [begin, end] of [calibration, select, report]) {
      expect(decode(begin, begin + 8)).toBe('CHAPTER ');
      expect(decode(end - 1, end)).toBe('\n');
    }
    expect(decode(...select).startsWith('CHAPTER 79.')).toBe(true);
    expect(decode(...report).startsWith('CHAPTER 105.')).toBe(true);
    expect(decode(...report).includes('\n\nEpilogue')).toBe(true);
    // Only the joining empty line lies between two slices.
    expect([select[0] - calibration[1], report[0] - select[1], BUNDLED_TEXT.bytes - report[1]]).toEqual([
      2, 2, 0,
    ]);
  });

  it('gives about 60, 20 and 20 % to calibration, choice and report', () => {
    const share = (name: keyof typeof BUNDLED_TEXT.slices) => {
      const [begin, end] = BUNDLED_TEXT.slices[name];
      return (end - begin) / BUNDLED_TEXT.bytes;
    };
    expect(share('calibration')).toBeCloseTo(0.6, 1);
    expect(share('select')).toBeCloseTo(0.2, 1);
    expect(share('report')).toBeCloseTo(0.2, 1);
  });
});
