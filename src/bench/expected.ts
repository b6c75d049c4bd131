/**
 * What a job should take on a device that was not at hand, from its counts and the device's public figures. Every
 * assumption is a number below, so that the next measurement can refute it.
 */
import type { AssumedShare, Expected, ExpectedDevice, Family } from './row';

/** Makers' data sheets; overheads are assumed alike for all but the integrated GPU. */
export const EXPECTED_DEVICES: readonly ExpectedDevice[] = [
  { name: 'Apple M2, 10 GPU cores', tflops: 3.6, gbps: 100, dispatchUs: 8, roundTripMs: 2 },
  { name: 'NVIDIA RTX 4070', tflops: 29.1, gbps: 504, dispatchUs: 5, roundTripMs: 1.5 },
  { name: 'NVIDIA H200 SXM', tflops: 67, gbps: 4800, dispatchUs: 5, roundTripMs: 1.5 },
];

const OTHERS: AssumedShare = { compute: 0.1, memory: 0.6 };

/** Shares of the two peaks that kernels are taken to reach. 0.4: the best figure published for products in WebGPU. */
export const ASSUMED_SHARES: Record<string, AssumedShare> = {
  matmul: { compute: 0.4, memory: 0.6 },
  attention: { compute: 0.2, memory: 0.5 },
  others: OTHERS,
};

export interface Counts {
  families: Record<string, Pick<Family, 'flops' | 'bytes'>>;
  dispatches: number;
  readbacks: number;
}

/**
 * Milliseconds: each family takes the longer of its arithmetic and its memory traffic; dispatches and round trips are
 * added whole, as though nothing overlapped. Work between the counted dispatches (copies, uploads, steps on the CPU)
 * is left out.
 */
export function expectedOn(device: ExpectedDevice, { families, dispatches, readbacks }: Counts): Expected {
  let kernelsMs = 0;
  let largest = { name: '', ms: 0, bound: 'compute' as Expected['bound'] };
  for (const [name, { flops, bytes }] of Object.entries(families)) {
    const share = ASSUMED_SHARES[name] ?? OTHERS;
    const computeMs = flops / (device.tflops * 1e9 * share.compute);
    const memoryMs = bytes / (device.gbps * 1e6 * share.memory);
    const ms = Math.max(computeMs, memoryMs);
    kernelsMs += ms;
    if (ms > largest.ms) largest = { name, ms, bound: computeMs >= memoryMs ? 'compute' : 'memory' };
  }
  const dispatchMs = (dispatches * device.dispatchUs) / 1000;
  const roundTripMs = readbacks * device.roundTripMs;
  if (dispatchMs > largest.ms) largest = { name: 'dispatches', ms: dispatchMs, bound: 'overhead' };
  if (roundTripMs > largest.ms) largest = { name: 'round trips', ms: roundTripMs, bound: 'overhead' };
  const ms = kernelsMs + dispatchMs + roundTripMs;
  return { device, ms, kernelsMs, dispatchMs, roundTripMs, most: largest.name, bound: largest.bound }; // prettier-ignore
}
