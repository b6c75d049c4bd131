// @ts-check
// Where things are. Every script works on this checkout, whatever the current directory is.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Stamps, locks and found adapters: safe to delete at any time. */
export const CACHE = join(ROOT, '.cache');

/** @param {...string} parts */
export const inRoot = (...parts) => join(ROOT, ...parts);
