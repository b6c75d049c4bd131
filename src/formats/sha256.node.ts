/** SHA-256 by OpenSSL, which uses the processor's own instructions. */
import { createHash } from 'node:crypto';
import type { Sha256Stream } from './sha256';

export function nodeSha256(): Sha256Stream {
  let hash = createHash('sha256');
  return {
    update: (bytes) => void hash.update(bytes),
    finish: () => {
      const digest = hash.digest('hex');
      hash = createHash('sha256');
      return digest;
    },
  };
}
