/** SHA-256 of a stream, for files larger than memory. WebCrypto hashes whole buffers only. */
import { sha256Hex } from '../core/hash';

export interface Sha256Stream {
  update(bytes: Uint8Array): void;
  /** Lower-case hex of all bytes so far; the next update begins anew. */
  finish(): string;
}

let platform: (() => Sha256Stream) | undefined;

/** Takes the platform's own hash from now on: it is several times faster than WebAssembly. */
export function usePlatformSha256(open: () => Sha256Stream): void {
  platform = open;
}

/** The platform's where it has one; else the WebAssembly, loaded with the first call. */
export async function sha256Stream(): Promise<Sha256Stream> {
  return platform ? platform() : wasmSha256();
}

/** Up to here WebCrypto is quicker, and the WebAssembly need not be fetched. */
const AT_ONCE_BYTES = 32 << 20;

/** As sha256Stream for `size` bytes, in pieces that nobody changes afterwards. `atOnce`: tests make it small. */
export async function sizedSha256(
  size: number,
  atOnce = AT_ONCE_BYTES,
): Promise<{ update(bytes: Uint8Array): void; finish(): Promise<string> }> {
  if (platform || size > atOnce) {
    const stream = await sha256Stream();
    return { update: (bytes) => stream.update(bytes), finish: () => Promise.resolve(stream.finish()) };
  }
  const pieces: Uint8Array[] = [];
  return {
    update: (bytes) => void pieces.push(bytes),
    finish: () => {
      const whole = new Uint8Array(size);
      let at = 0;
      for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.byteLength;
      }
      return sha256Hex(whole.subarray(0, at));
    },
  };
}

export async function wasmSha256(): Promise<Sha256Stream> {
  const { createSHA256 } = await import('hash-wasm');
  const hasher = await createSHA256();
  hasher.init();
  return {
    update: (bytes) => void hasher.update(bytes),
    finish: () => {
      const digest = hasher.digest('hex');
      hasher.init();
      return digest;
    },
  };
}
