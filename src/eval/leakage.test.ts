import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BUNDLED_TEXT, type ByteSlice } from '../core/bundledText';
import { Rng } from '../core/rng';
import { findLeaks, leakBetween, leakWarning, type TokenWindows } from './leakage';

function text(windows: readonly (readonly number[])[]): TokenWindows {
  return { ids: Uint32Array.from(windows.flat()), lengths: windows.map((w) => w.length) };
}

function random(seed: number, windows: number, length: number, vocabulary = 4096): number[][] {
  const rng = new Rng(seed);
  return Array.from({ length: windows }, () => Array.from({ length }, () => rng.below(vocabulary)));
}

const PAIR = ['calibration', 'report'] as const;

/** The same share by comparing the runs themselves. */
function slowShare(other: number[][], of: number[][], gram: number): number {
  const runs = (windows: number[][]): string[] =>
    windows.flatMap((w) =>
      w.length < gram
        ? [w.join()]
        : Array.from({ length: w.length - gram + 1 }, (_, i) => w.slice(i, i + gram).join()),
    );
  const known = new Set(runs(other));
  const all = runs(of);
  return all.filter((run) => known.has(run)).length / all.length;
}

describe('leakBetween', () => {
  it('finds nothing between texts that share no run', () => {
    expect(leakBetween(PAIR, text(random(1, 16, 256)), text(random(2, 16, 256)))).toBeNull();
  });

  it('finds equal windows and a passage that begins anywhere', () => {
    const other = random(1, 8, 128);
    const own = random(2, 8, 128);
    expect(leakBetween(PAIR, text(other), text([...own.slice(1), other[3] ?? []]))).toEqual({
      pair: ['calibration', 'report'],
      share: 1 / 8,
      windows: 1,
      gram: 32,
    });
    const quoted = [
      ...(own[0] ?? []).slice(0, 20),
      ...(other[5] ?? []).slice(50, 90),
      ...(own[1] ?? []).slice(0, 68),
    ];
    // 40 quoted tokens hold 9 of the window's 97 runs of 32.
    expect(leakBetween(PAIR, text(other), text([quoted]))).toEqual({
      pair: ['calibration', 'report'],
      share: 9 / 97,
      windows: 0,
      gram: 32,
    });
  });

  it('sees no run that crosses a window, and compares short windows whole', () => {
    const line = random(3, 1, 64)[0] ?? [];
    const halves = [line.slice(0, 31), line.slice(31)];
    expect(leakBetween(PAIR, text([line]), text(halves))?.share).toBe(2 / 3);
    expect(leakBetween(PAIR, text([line.slice(0, 20)]), text([line]))).toBeNull();
    expect(
      leakBetween(
        PAIR,
        text([[1, 2, 3]]),
        text([
          [1, 2, 3],
          [1, 2, 4],
        ]),
      ),
    ).toMatchObject({
      share: 0.5,
      windows: 1,
    });
  });

  it('counts as comparing the runs themselves does', () => {
    const windows = fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(windows, windows, fc.integer({ min: 2, max: 6 }), (other, of, gram) => {
        expect(leakBetween(PAIR, text(other), text(of), gram)?.share ?? 0).toBe(slowShare(other, of, gram));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the bundled text', () => {
  it('shares no passage between its slices, whatever the tokenizer', () => {
    const path = fileURLToPath(new URL(`../../public/${BUNDLED_TEXT.path}`, import.meta.url));
    const bytes = readFileSync(path);
    // A word is one token or more: runs of 24 words are shorter than most runs of 32 tokens.
    const ids = new Map<string, number>();
    const slice = (range: ByteSlice): TokenWindows => {
      const words = bytes
        .subarray(...range)
        .toString('utf8')
        .split(/\s+/);
      return text([words.map((word) => ids.get(word) ?? (ids.set(word, ids.size), ids.size - 1))]);
    };
    const { slices } = BUNDLED_TEXT;
    const [calibration, select, report] = [
      slice(slices.calibration),
      slice(slices.select),
      slice(slices.report),
    ];
    expect(findLeaks({ calibration, select, report }, 24)).toEqual([]);
    const cloze = slice(BUNDLED_TEXT.cloze);
    for (const other of [calibration, select, report])
      expect(leakBetween(['calibration', 'report'], other, cloze, 24)).toBeNull();
  });
});

describe('findLeaks', () => {
  it('looks at each pair once and says which it is', () => {
    const [a, b, c] = [random(1, 4, 64), random(2, 4, 64), random(3, 4, 64)];
    const found = findLeaks({
      calibration: text(a),
      select: text(b),
      report: text([...b.slice(0, 1), ...c]),
    });
    expect(found.map(({ pair }) => pair)).toEqual([['select', 'report']]);
    expect(findLeaks({ calibration: text(a), report: text(c) })).toEqual([]);
    const [leak] = found;
    if (!leak) throw new Error('nothing was found');
    expect(leakWarning(leak, (which) => `${which}.txt`)).toMatch(
      /^20 % of the report text \(report\.txt\) stands in the select text \(select\.txt\).*1 whole window .*Give a report text/,
    );
  });
});
