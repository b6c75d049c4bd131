import { expect, test } from 'vitest';
import { nodeSha256 } from './sha256.node';
import { wasmSha256 } from './sha256';

// FIPS 180-4, examples of SHA-256.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

for (const [name, open] of [
  ['WebAssembly', wasmSha256],
  ['Node', () => Promise.resolve(nodeSha256())],
] as const) {
  test(`${name} hashes pieces, and begins anew after each digest`, async () => {
    const hash = await open();
    hash.update(Uint8Array.of(0, 97, 0).subarray(1, 2));
    hash.update(new TextEncoder().encode('bc'));
    expect(hash.finish()).toBe(ABC);
    expect(hash.finish()).toBe(EMPTY);
    hash.update(new TextEncoder().encode('abc'));
    expect(hash.finish()).toBe(ABC);
  });
}
