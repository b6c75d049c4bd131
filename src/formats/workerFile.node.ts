/** Where a build keeps the workers that are started by file name. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LabError } from '../core/errors';

/** Path of `<name>.js`; null where the program runs straight from its sources (unit tests). */
export function workerFile(name: string): string | null {
  if (import.meta.url.endsWith('.ts')) return null;
  // Beside the program, or one folder up from a chunk of it.
  const found = ['./', '../']
    .map((folder) => fileURLToPath(new URL(`${folder}${name}.js`, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined)
    throw new LabError(
      'InternalError',
      `The build has no ${name}.js.`,
      'Build again with "npm run build cli".',
    );
  return found;
}
