import { describe, expect, test } from 'vitest';
import { timestampsAgree } from './peaks';
import { limitOf, withRoofline } from './roofline';
import { makeRow } from './row';
import { tableLine } from './table';

const PEAKS = { gflops: 100, gbps: 10 };
const WHERE = { suite: 'kernels', case: 'matmul', device: 'test' };
const samples = (...ms: number[]) => ({ samplesMs: ms, samplesCpuMs: [], warmup: 2 });

describe('roofline', () => {
  test('the longer of the two bounds is the limit: below the ridge memory, above it arithmetic', () => {
    // The ridge: 10 flops to a byte.
    expect(limitOf(PEAKS, { flops: 9e9, bytes: 1e9 })).toEqual({ ms: 100, bound: 'memory' });
    expect(limitOf(PEAKS, { flops: 11e9, bytes: 1e9 })).toEqual({ ms: 110, bound: 'compute' });
    expect(limitOf(PEAKS, { flops: 1e8, bytes: null })).toEqual({ ms: 1, bound: 'compute' });
    expect(limitOf(PEAKS, { flops: null, bytes: 1e7 })).toEqual({ ms: 1, bound: 'memory' });
    expect(limitOf(PEAKS, {})).toBeNull();
  });

  test('the share is that of min(peak flops, intensity times peak bandwidth)', () => {
    const row = withRoofline(makeRow(WHERE, samples(400), { flops: 2e9, bytes: 1e9 }), PEAKS);
    expect(row.roofline).toEqual({ peakGflops: 100, peakGbps: 10, bound: 'memory', share: 0.25 });
    const attainable = Math.min(PEAKS.gflops, (2e9 / 1e9) * PEAKS.gbps);
    expect((row.gflops ?? 0) / attainable).toBeCloseTo(row.roofline?.share ?? NaN, 12);
    expect(tableLine(row)).toContain('25 % m');
  });

  test('a row without counts or without a time has no place under it', () => {
    expect(withRoofline(makeRow(WHERE, samples(1)), PEAKS).roofline).toBeUndefined();
    const failed = { ...makeRow(WHERE, samples(1), { flops: 1e9 }), medianMs: null };
    expect(withRoofline(failed, PEAKS).roofline).toBeUndefined();
  });
});

describe('clocks', () => {
  test('a row says which clock its median is of', () => {
    expect(makeRow(WHERE, samples(5, 7))).toMatchObject({ clock: 'wall', medianMs: 6 });
    const both = makeRow(WHERE, { ...samples(5, 7), samplesDeviceMs: [2, 4] }, { flops: 3e6 });
    expect(both).toMatchObject({ clock: 'timestamp', medianMs: 3, wallMs: 6, gflops: 1 });
  });

  test('timestamps are believed where they see most of the time and none that was not', () => {
    expect(timestampsAgree([10, 10, 12], [9, 9.9, 9])).toBe(true);
    expect(timestampsAgree([10, 10, 10], [3, 3, 4])).toBe(false);
    expect(timestampsAgree([10, 10, 10], [12, 12, 12])).toBe(false);
    expect(timestampsAgree([10, 10, 10], [0, 0, 0])).toBe(false);
    expect(timestampsAgree([10, 10, 10], [9, -1, 9])).toBe(false);
    expect(timestampsAgree([10], [])).toBe(false);
  });
});
