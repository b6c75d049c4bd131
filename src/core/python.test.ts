/** Against Python itself (scripts/fixtures/make_zeroshot.py). */
import { describe, expect, test } from 'vitest';
import fixture from '../testing/fixtures/zeroshot.json';
import { PythonRandom } from './pythonRandom';
import { capitalize, codePoints, rstrip, strip } from './pythonText';

describe("Python's shuffle", () => {
  const shuffled = (n: number): number[] => {
    const list = Array.from({ length: n }, (_, i) => i);
    new PythonRandom(42).shuffle(list);
    return list;
  };

  test.each(Object.entries(fixture.shuffle))('of %s', (n, expected) => {
    expect(shuffled(Number(n))).toEqual(expected);
  });

  test('of as many as HellaSwag has', () => {
    expect(shuffled(10042).slice(0, 8)).toEqual(fixture.shuffleHead);
  });
});

describe("Python's texts", () => {
  test.each(fixture.capitalize)('%j capitalised', (text, expected) => {
    expect(capitalize(text ?? '')).toBe(expected);
  });

  test.each(fixture.strip)('%j stripped, and its length', (text, both, right, length) => {
    expect(strip(String(text))).toBe(both);
    expect(rstrip(String(text))).toBe(right);
    expect(codePoints(String(text))).toBe(length);
  });
});
