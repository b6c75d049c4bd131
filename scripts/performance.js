// @ts-check
// npm run performance: docs/performance.md from bench/performance.md (the prose) and bench/results/*/*.json (the figures).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { inRoot } from './lib/paths.js';
import { performancePage } from './lib/performancePage.js';
import { fail, say } from './lib/say.js';

/** @typedef {import('./lib/performancePage.js').Measured} Measured */

/** Rows and speed records that are stored, the oldest first: names begin with dates. @returns {Measured} */
function stored() {
  /** @type {Measured} */
  const measured = { rows: [], speeds: [] };
  const files = readdirSync(inRoot('bench/results'), { withFileTypes: true })
    .filter((folder) => folder.isDirectory())
    .flatMap(({ name }) =>
      readdirSync(inRoot(`bench/results/${name}`)).map((file) => ({ folder: name, file })),
    )
    .filter(({ file }) => file.endsWith('.json'))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
  for (const { folder, file } of files) {
    const path = `bench/results/${folder}/${file}`;
    /** @type {unknown} */
    const value = JSON.parse(readFileSync(inRoot(path), 'utf8'));
    if (Array.isArray(value)) measured.rows.push(...value.map((row) => ({ ...row, file: path })));
    else if (/** @type {{ schema?: unknown }} */ (value).schema === 'prunelab.speed/1')
      measured.speeds.push(/** @type {Measured['speeds'][number]} */ (value));
  }
  return measured;
}

try {
  const page = performancePage(readFileSync(inRoot('bench/performance.md'), 'utf8'), stored());
  writeFileSync(inRoot('docs/performance.md'), page);
  say('docs/performance.md is written.');
} catch (error) {
  fail(error);
}
