// @ts-check
// npm run theory: puts the paper's claims on trial with the command line and writes docs/theory.md from what came out.
//   npm run theory                       the demo model
//   npm run theory -- --smollm2 DIR      SmolLM2-135M in its place, from a folder in Hugging Face layout
//   npm run theory -- --write            only writes the page again, from the stored verdicts and figures
// --samples N, --window n, --windows K, --seeds LIST, --theorem LIST, --rates LIST. What was measured under the same settings is not
// measured again: each model goes on from its own file in .cache/theory.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, inRoot } from './lib/paths.js';
import { prunelab } from './lib/prunelab.js';
import { fail, say, SetupError } from './lib/say.js';
import { theoryPage } from './lib/theoryPage.js';

/** @typedef {import('./lib/theoryPage.js').Stored} Stored */

const STORE = inRoot('docs/theory');
const WORK = join(CACHE, 'theory');
const MODELS = ['demo', 'smollm2'];
/** As much as a software adapter does in minutes. */
const SIZES = { samples: '4', window: '32', windows: '4', seeds: '0,1,2', theorem: 'all' };
/** A model forty times as large: what its three quickest experiments take an hour for. */
const SMOLLM2_SIZES = {
  samples: '2',
  window: '32',
  windows: '2',
  seeds: '0,1,2',
  theorem: '3.1,3.2,3.4',
  rates: '0.1,0.3,0.5,0.7,0.9',
};

const KNOWN = [...Object.keys(SMOLLM2_SIZES), 'smollm2'];

/** @param {string[]} argv */
function readArguments(argv) {
  /** @type {Record<string, string>} */
  const values = {};
  let write = false;
  for (let i = 0; i < argv.length; i++) {
    const name = (argv[i] ?? '').replace(/^--/, '');
    if (name === 'write') write = true;
    else if (KNOWN.includes(name) && argv[i + 1] !== undefined) values[name] = argv[++i] ?? '';
    else
      throw new SetupError(
        `npm run theory does not know ${argv[i]}.`,
        `Use ${KNOWN.map((k) => `--${k}`).join(', ')}, --write.`,
      );
  }
  return { values, write };
}

/**
 * One model by the command line, resumable.
 * @param {string} name
 * @param {string} model
 * @param {string[]} sizes
 */
async function measure(name, model, sizes) {
  const figures = join(STORE, name);
  mkdirSync(WORK, { recursive: true });
  rmSync(figures, { recursive: true, force: true });
  mkdirSync(figures, { recursive: true });
  const out = join(WORK, `${name}.json`);
  const args = ['theory', model, ...sizes];
  const all = [...args, '--resume', join(WORK, `${name}.partial.json`), '--json', out, '--figures', figures];
  await prunelab(`The theory of ${name}`, all);
  const {
    version,
    model: record,
    device,
    texts,
    seeds,
    densePerplexity,
    experiments,
    warnings,
    spec,
  } = JSON.parse(readFileSync(out, 'utf8'));
  const { pruner, sparsity } = spec.base;
  /** @type {Stored} */
  const stored = {
    command: `node bin/prunelab.js ${args.map((a) => (a.startsWith('/') ? 'DIR' : a)).join(' ')}`,
    version,
    model: record,
    device,
    texts,
    seeds,
    pruner,
    sparsity,
    densePerplexity,
    warnings,
    experiments: experiments.map((/** @type {Stored['experiments'][number]} */ e) => ({
      theorem: e.theorem,
      title: e.title,
      claim: e.claim,
      verdict: e.verdict,
    })),
  };
  writeFileSync(join(STORE, `${name}.json`), `${JSON.stringify(stored, null, 1)}\n`);
}

/**
 * The first figure of a theorem before its second.
 * @param {string} folder
 */
function figuresIn(folder) {
  return readdirSync(folder).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

try {
  const { values, write } = readArguments(process.argv.slice(2));
  const { smollm2, ...own } = values;
  const sizes = Object.entries({ ...(smollm2 ? SMOLLM2_SIZES : SIZES), ...own });
  const name = smollm2 ? 'smollm2' : 'demo';
  if (!write)
    await measure(
      name,
      smollm2 ?? 'demo',
      sizes.flatMap(([k, v]) => [`--${k}`, v]),
    );
  const models = MODELS.flatMap((name) => {
    const path = join(STORE, `${name}.json`);
    if (!existsSync(path)) return [];
    /** @type {Stored} */
    const stored = JSON.parse(readFileSync(path, 'utf8'));
    return [{ name, stored, figures: figuresIn(join(STORE, name)) }];
  });
  writeFileSync(inRoot('docs/theory.md'), theoryPage(models));
  say('Wrote docs/theory.md.');
} catch (error) {
  fail(error);
}
