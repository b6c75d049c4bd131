import { LabError } from './errors';

/** SHA-256 as lower-case hex, by the platform's WebCrypto. */
export async function sha256Hex(data: Uint8Array | string): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  if (!globalThis.crypto?.subtle) {
    throw new LabError(
      'InternalError',
      'SHA-256 needs a secure context (https or localhost).',
      'Serve the page over https.',
    );
  }
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('');
}
