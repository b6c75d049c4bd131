import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { interleave } from './measure';
import { errorRow, makeRow, percentile, ratioOf, withPeer, withRatio } from './row';
import { tableLine } from './table';

const WHERE = { suite: 'kernels', case: 'matmul', device: 'test' };
const samples = (...ms: number[]) => ({ samplesMs: ms, samplesCpuMs: ms.map((x) => 2 * x), warmup: 2 });

describe('rows', () => {
  test('percentiles are linear between neighbours, whatever the order', () => {
    expect(percentile([3, 1, 2], 0.5)).toBe(2);
    expect(percentile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(percentile([0, 10], 0.1)).toBeCloseTo(1, 12);
    expect(percentile([7], 0.9)).toBe(7);
  });

  test('rates follow from the median', () => {
    const row = makeRow(WHERE, samples(1, 2, 40), { flops: 4e6, bytes: 1e6, tokens: 256 });
    expect(row).toMatchObject({
      reps: 3,
      medianMs: 2,
      flops: 4e6,
      gflops: 2,
      gbps: 0.5,
      tokensPerSecond: 128_000,
    });
    expect(makeRow(WHERE, samples(1))).toMatchObject({ flops: null, gflops: null, bytes: null, gbps: null });
  });

  test('a peer stands beside our figures, with its time in units of ours', () => {
    const ours = makeRow(WHERE, samples(2, 2, 4), { flops: 4e6 });
    const slow = withPeer(ours, { name: 'other', version: '1.2' }, samples(10, 14, 30), 6);
    expect(slow).toMatchObject({
      medianMs: 2,
      gflops: 2,
      peer: { name: 'other', version: '1.2', medianMs: 14, reps: 3 },
      ratio: { value: 7, goal: 6, better: 'more', met: true },
    });
    expect(tableLine(slow)).toContain(
      'other 1.2: 14.0 ms (10.8 to 26.8), 7.00 times our time, goal at least 6: met',
    );
    const who = { name: 'fast', version: '3', processor: true };
    const fast = withPeer(ours, who, samples(0.5));
    expect(fast.ratio).toEqual({ to: 'our time', value: 0.25 });
    expect(tableLine(fast)).toContain('on the processor, 4.00 times FASTER THAN PRUNELAB here');
  });

  test('a peer that cannot run leaves its error and no ratio; ours stands', () => {
    const row = withPeer(
      makeRow(WHERE, samples(2)),
      { name: 'other', version: '1' },
      { error: 'no adapter' },
    );
    expect(row).toMatchObject({ medianMs: 2, peer: { medianMs: null, error: 'no adapter' } });
    expect(row.ratio).toBeUndefined();
    expect(row.error).toBeUndefined();
    expect(tableLine(row)).toContain('other 1: no adapter');
    const broken = withPeer(errorRow(WHERE, 'no GPU'), { name: 'other', version: '1' }, samples(3));
    expect(broken).toMatchObject({ medianMs: null, error: 'no GPU', peer: { medianMs: 3 } });
    expect(broken.ratio).toBeUndefined();
  });

  test('a ratio says whether its goal is met, on the right side', () => {
    const row = makeRow(WHERE, samples(1));
    expect(withRatio(row, 'x', { value: 1.3 }, 1.3).ratio?.met).toBe(true);
    expect(withRatio(row, 'x', { value: 1.31 }, 1.3).ratio?.met).toBe(false);
    expect(withRatio(row, 'x', { value: 0.59 }, 0.6, 'more').ratio?.met).toBe(false);
    expect(withRatio(row, 'x', { value: 0.6 }, 0.6, 'more').ratio?.met).toBe(true);
    expect(ratioOf(samples(1, 3, 5), samples(2))).toEqual({ value: 1.5, cpu: 1.5 });
    expect(ratioOf({ ...samples(3), samplesCpuMs: [] }, samples(2))).toEqual({ value: 1.5 });
    expect(withRatio(row, 'x', { value: 2 }).ratio).toEqual({ to: 'x', value: 2 });
    expect(tableLine(withRatio(row, 'one pass', { value: 1.31 }, 1.3))).toContain(
      '1.310 of one pass, goal at most 1.3: missed',
    );
  });

  test('a failure is a row without figures', () => {
    const row = errorRow(WHERE, 'GpuLimitError: too large');
    expect(row).toMatchObject({ medianMs: null, reps: 0, error: 'GpuLimitError: too large' });
    expect(tableLine(row)).toContain('GpuLimitError: too large');
  });
});

describe('interleave', () => {
  test('variants take turns, first calls are not timed', async () => {
    const order: string[] = [];
    const variant = (name: string) => ({ name, run: () => Promise.resolve(order.push(name)) });
    const timings = await interleave([variant('a'), variant('b')], { reps: 3 });
    expect(order.join('')).toBe('aabb' + 'ab'.repeat(3));
    expect(timings.map((t) => [t.name, t.samplesMs.length, t.warmup])).toEqual([
      ['a', 3, 2],
      ['b', 3, 2],
    ]);
  });

  test('short runs repeat inside a sample, hopeless ones are timed once', async () => {
    let calls = 0;
    const busy = (ms: number) => (): Promise<void> => {
      for (const end = performance.now() + ms; performance.now() < end;) calls += 0;
      return Promise.resolve();
    };
    const [quick, slow] = await interleave(
      [
        { name: 'quick', run: () => ((calls += 1), busy(0.5)()) },
        { name: 'slow', run: busy(300) },
      ],
      { reps: 3, sampleMs: 60, giveUpFactor: 4 },
    );
    expect(calls).toBeGreaterThan(2 + 3);
    expect(quick?.samplesMs).toHaveLength(3);
    expect(slow?.samplesMs).toHaveLength(1);
    // Of one run, not of the sample.
    expect(Math.min(...(slow?.samplesMs ?? []))).toBeGreaterThanOrEqual(300);
  });

  test('stops where the signal says so', async () => {
    const abort = new AbortController();
    const run = (call: number): Promise<void> => {
      if (call === 3) abort.abort();
      return Promise.resolve();
    };
    await expect(interleave([{ name: 'a', run }], { reps: 100, signal: abort.signal })).rejects.toThrow(
      LabError,
    );
  });
});
