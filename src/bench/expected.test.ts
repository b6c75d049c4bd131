import { describe, expect, test } from 'vitest';
import { ASSUMED_SHARES, EXPECTED_DEVICES, expectedOn } from './expected';

const DEVICE = { name: 'round figures', tflops: 10, gbps: 100, dispatchUs: 10, roundTripMs: 2 };

describe('expected times', () => {
  test('arithmetic, traffic, dispatches and round trips are added, each family by its slower side', () => {
    const result = expectedOn(DEVICE, {
      families: {
        // 4 TFLOPS of 10: 50 ms; 60 GB/s of 100: 1 ms.
        matmul: { flops: 2e11, bytes: 6e7 },
        // 2 TFLOPS: 1 ms; 50 GB/s: 20 ms.
        attention: { flops: 2e9, bytes: 1e9 },
        // 60 GB/s: 10 ms.
        rope: { flops: 0, bytes: 6e8 },
      },
      dispatches: 300,
      readbacks: 4,
    });
    expect(result.kernelsMs).toBeCloseTo(80, 9);
    expect(result).toMatchObject({ dispatchMs: 3, roundTripMs: 8, most: 'matmul', bound: 'compute' });
    expect(result.ms).toBeCloseTo(91, 9);
  });

  test('the largest part is named, overheads too', () => {
    const small = { families: { rope: { flops: 0, bytes: 6e6 } }, dispatches: 1000, readbacks: 1 };
    expect(expectedOn(DEVICE, small)).toMatchObject({ most: 'dispatches', bound: 'overhead' });
    expect(expectedOn(DEVICE, { ...small, readbacks: 9 })).toMatchObject({ most: 'round trips' });
    const traffic = { families: { rope: { flops: 0, bytes: 6e10 } }, dispatches: 1, readbacks: 1 };
    expect(expectedOn(DEVICE, traffic)).toMatchObject({ most: 'rope', bound: 'memory' });
  });

  test('a quicker device takes less, and no share is above the whole', () => {
    const counts = { families: { matmul: { flops: 1e12, bytes: 1e9 } }, dispatches: 900, readbacks: 1 };
    const times = EXPECTED_DEVICES.map((device) => expectedOn(device, counts).ms);
    expect([...times].sort((a, b) => b - a)).toEqual(times);
    for (const share of Object.values(ASSUMED_SHARES))
      for (const part of Object.values(share)) expect(part > 0 && part < 1).toBe(true);
  });
});
