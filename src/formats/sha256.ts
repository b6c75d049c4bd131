/** SHA-256 of a stream, for files larger than memory. WebCrypto hashes whole buffers only. */
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

/** Whether the platform has a hash of its own. */
export function hasPlatformSha256(): boolean {
  return platform !== undefined;
}

/** The platform's where it has one; else the WebAssembly, loaded with the first call. */
export async function sha256Stream(): Promise<Sha256Stream> {
  return platform ? platform() : wasmSha256();
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
