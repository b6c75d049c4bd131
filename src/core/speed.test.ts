import { describe, expect, test } from 'vitest';
import { breakEvenOf, fastestFormat, speedVerdict, spreadOf, type SpeedRow } from './speed';
import type { StorageFormat } from './sparseSizes';

const row = (format: StorageFormat, runs: number[], more: Partial<SpeedRow> = {}): SpeedRow => ({
  format,
  decode: spreadOf(runs),
  prefill: spreadOf([100]),
  memoryBytes: 1e6,
  fileBytes: null,
  layerMs: [1, 1],
  speedUp: spreadOf(runs).median / 100,
  kernelSpeedUp: 1,
  limit: 1,
  sameTokens: { same: 9, of: 9, largestDifference: 0 },
  ...more,
});
const DENSE = [98, 99, 100, 101, 102];
const times = (factor: number): number[] => DENSE.map((rate) => rate * factor);

function verdict(variants: { name: string; rows: SpeedRow[] }[], software = false): string {
  const device = { vendor: 'v', architecture: '', description: '', software, features: [], backend: 'chrome' } as const; // prettier-ignore
  const model = { name: 'm', architecture: '', layers: 2, hidden: 1, parameters: 1, prunable: 1, dtype: 'F16', sha256: '' }; // prettier-ignore
  return speedVerdict({
    model,
    device: { ...device, features: [] },
    protocol: { promptTokens: 32, tokens: 128, reps: 5, warmup: 2, prompt: 'bundled' },
    copyBandwidth: 1e9,
    restBytes: 1e6,
    dense: row('dense', DENSE),
    variants: variants.map((v) => ({ ...v, beta: 0, sparsity: 0.7, layers: [0.7, 0.7], missing: [] })),
    breakEven: [{ format: 'bitmask', bytes: 0.0625, measured: null, points: [] }],
  }).join('\n');
}

test('median and quartiles lie between the values', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25, runs: [4, 1, 3, 2] });
  expect(spreadOf([7])).toEqual({ median: 7, low: 7, high: 7, runs: [7] });
});

test('break-even lies between the last point that is not quicker and the next', () => {
  const at = (...ratios: number[]): number | null =>
    breakEvenOf(ratios.map((ratio, i) => ({ sparsity: 0.1 + 0.2 * i, ratio })));
  expect(at(2, 1.5, 0.5)).toBeCloseTo(0.4, 12);
  expect(at(1.2, 1.1)).toBeNull();
  expect(at(0.9, 0.8)).toBeCloseTo(0.1, 12);
  // Quicker once by noise, then slower again: only the end counts.
  expect(at(2, 0.9, 1.25, 0.75)).toBeCloseTo(0.6, 12);
});

test('only a format with all tokens can be the fastest', () => {
  const wrong = row('csr', times(3), { sameTokens: { same: 8, of: 9, largestDifference: 1 } });
  expect(fastestFormat([row('zeros', DENSE), row('bitmask', times(2)), wrong])).toBe('bitmask');
  expect(fastestFormat([])).toBe('zeros');
});

describe('the verdict', () => {
  test('says faster only beyond the spread, with the figures', () => {
    const faster = verdict([{ name: 'uniform', rows: [row('zeros', DENSE), row('bitmask', times(2), { limit: 2.5, memoryBytes: 4e5 })] }]); // prettier-ignore
    expect(faster).toContain('uniform at 70 % zeros: faster. The quickest sparse format, bitmask, decodes at 2.00x (200 tokens/s'); // prettier-ignore
    expect(faster).toContain("takes 40 % of the matrices' memory");
    expect(faster).toContain('nothing is smaller and decoding runs at 1.00x');
    expect(verdict([{ name: 'u', rows: [row('bitmask', times(1.01))] }])).toContain(
      'no difference that this run can tell',
    );
    // One run has no spread.
    expect(verdict([{ name: 'u', rows: [row('bitmask', [300])] }])).toContain('no difference');
  });

  test('says why it is not faster', () => {
    const slow = verdict([{ name: 'u', rows: [row('csr', times(0.5), { kernelSpeedUp: 0.4 })] }], true);
    expect(slow).toContain('smaller, but not faster');
    // 2 MB at 1 GB/s is 2 ms; a token takes 10.
    expect(slow).toContain('dense decoding uses 20 % of the measured memory bandwidth');
    expect(slow).toContain('the matrices alone run at 0.40x');
    expect(slow).toContain('software adapter');
    const hidden = verdict([{ name: 'u', rows: [row('csr', times(0.9), { kernelSpeedUp: 2 })] }]);
    // Two layers of 1 ms in a token of 10 ms.
    expect(hidden).toContain("the matrices are only 20 % of a dense token's time");
    expect(hidden).not.toContain('software adapter');
  });

  test('compares uniform and other rates format by format', () => {
    const both = (factor: number): string =>
      verdict([
        { name: 'uniform', rows: [row('bitmask', times(2))] },
        { name: 'atp', rows: [row('bitmask', times(2 * factor))] },
      ]);
    expect(both(1)).toContain('costs no speed that this run can tell');
    expect(both(0.5)).toContain('They differ beyond their quartiles in bitmask.');
    expect(both(1)).toContain('at no measured sparsity quicker');
  });
});
