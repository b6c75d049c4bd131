/** A zip archive without compression, for the small files that accompany downloaded weights. */
import { zipSync, type Zippable } from 'fflate';

/** Zip knows no time zone; a fixed date gives the same bytes every time. */
const DATE = new Date(2000, 0, 1);

/** Files by path, stored as they are. Meant for some megabytes: the archive is made in memory. */
export function zipStore(files: readonly { path: string; bytes: Uint8Array }[]): Uint8Array<ArrayBuffer> {
  const entries: Zippable = Object.fromEntries(files.map(({ path, bytes }) => [path, bytes]));
  return new Uint8Array(zipSync(entries, { level: 0, mtime: DATE }));
}
