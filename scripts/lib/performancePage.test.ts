import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectedOn } from '../../src/bench/expected';
import { inRoot } from './paths.js';
import { newest, performancePage, type Row } from './performancePage.js';

function row(name: string, more: Partial<Row> = {}): Row {
  return {
    suite: 'kernels',
    case: name,
    device: 'a card',
    file: 'bench/results/card/2026-01-01.json',
    reps: 5,
    warmup: 2,
    medianMs: 10,
    p10Ms: 9,
    p90Ms: 12,
    flops: 1e9,
    bytes: 1e6,
    gflops: 100,
    gbps: 0.1,
    ...more,
  };
}
const page = (template: string, rows: Row[]): string => performancePage(template, { rows, speeds: [] });
const peer = (name: string, medianMs: number | null, more = {}): Row['peer'] => ({ name, version: '1.0', medianMs, ...more }); // prettier-ignore

describe('docs/performance.md', () => {
  it('has every part that the template asks for, also where nothing was measured', () => {
    const template = readFileSync(inRoot('bench/performance.md'), 'utf8');
    const text = page(template, []);
    expect(text).not.toMatch(/\{\{/);
    expect(text).toContain('Not measured yet.');
    expect(() => page('{{nothing}}', [])).toThrow(/\{\{nothing\}\}; there are devices/);
  });

  it('takes the newest of rows of one case, and keeps those of another device or peer', () => {
    const rows = [
      row('a', { medianMs: 1 }),
      row('a', { medianMs: 2 }),
      row('a', { device: 'another' }),
      row('a', { peer: peer('x', 3) }),
    ];
    expect(newest(rows).map((r) => r.medianMs)).toEqual([2, 10, 10]);
  });

  it('names the quickest of several kernels, with the roofline and the others', () => {
    const roofline = { peakGflops: 400, peakGbps: 10, bound: 'compute' as const, share: 0.25 };
    const text = page('{{kernels}}', [
      row('matmul 2x2x2 F16 (demo q, o), tiled', { medianMs: 35 }),
      row('matmul 2x2x2 F16 (demo q, o), sg4x8', { roofline }),
    ]);
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain(
      'matmul 2x2x2 F16 (demo q, o) | sg4x8 | 10 ms | 100 | 0.1 | 25 % (compute) | tiled 3.5',
    );
  });

  it('says in words where a peer is quicker, and nothing where it could not run', () => {
    const quicker = page('{{peers}}', [
      row('matmul', { peer: peer('onnx', 2, { processor: true }) }),
      row('matmul', { peer: peer('tfjs', 50) }),
      row('attention', { peer: peer('jax', null, { error: 'no adapter' }) }),
    ]);
    expect(quicker).toContain('| 10 ms | onnx 1.0 (processor) | 2 ms | 0.2 |');
    expect(quicker).toContain('matmul: onnx 1.0, on the processor, takes 0.2 of our time (5 times as fast)');
    expect(quicker).toContain('| jax 1.0 | no adapter |  |');
    expect(quicker).not.toMatch(/- .*tfjs/);
    expect(page('{{peers}}', [row('matmul', { peer: peer('tfjs', 50) })])).toContain('No peer that ran here');
  });

  it('shows goals, counts with their limit, shares of GPU time, and what is expected with its assumptions', () => {
    const work = { dispatches: 90, submits: 3, readbacks: 1, cpuStages: 0, flops: 1e9, bytes: 1e6, dispatchesPerLayer: 30, limitMs: 4 }; // prettier-ignore
    const family = { dispatches: 9, flops: 1, bytes: 1, ms: 7.5 };
    const device = { name: 'round', tflops: 1, gbps: 100, dispatchUs: 10, roundTripMs: 2 };
    const families = { matmul: { ...family, share: 0.75 }, rope: { ...family, share: 0.25 } };
    const measured = row('demo, drag', {
      suite: 'tick',
      work,
      families,
      ratio: { to: 'one pass', value: 1.04, cpu: 1.02, goal: 1.1, better: 'less', met: true },
    });
    const counted = row('demo, slider tick', {
      suite: 'counts',
      medianMs: null,
      work,
      families,
      assumed: { matmul: { compute: 0.4, memory: 0.6 } },
      expected: [expectedOn(device, { ...work, families })],
    });
    const text = page('{{goals}}\n{{work}}\n{{gpuTime}}\n{{expected}}\n{{devices}}', [measured, counted]);
    expect(text).toContain(
      '| tick: demo, drag | 10 ms (9 ms to 12 ms) | 1.04 of one pass | 1.02 | at most 1.1 | met |',
    );
    expect(text).toContain('| demo, drag | 10 ms | 30 | 3 | 1 | 0 | 1 | 0.001 | 4 ms |');
    expect(text).toContain('matmul 75 %, rope 25 %');
    expect(text).toContain('| demo, slider tick | 90 | 3 | 1 | 1 | 0.001 | 2.9 ms (round trips) |');
    expect(text).toContain('| round | 1 | 100 | 10 µs | 2 ms |');
    expect(text).toContain('matmul 40 % of the arithmetic and 60 % of the bandwidth');
    expect(text).toContain('- a card: [2026-01-01.json](../bench/results/card/2026-01-01.json)');
  });
});
