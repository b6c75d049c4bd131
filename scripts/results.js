// @ts-check
// npm run results: compares the methods with the command line and writes docs/results.md from what came out.
//   npm run results                       the demo model
//   npm run results -- --smollm2 DIR      SmolLM2-135M as well, from a folder in Hugging Face layout
//   npm run results -- --write            only writes the page again, from the stored comparisons
// --budget N (trials of each search), --seeds LIST, --samples N, --window n, --windows K. What was measured under the
// same settings is not measured again: each comparison goes on from its own file in .cache/results.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CACHE, inRoot } from './lib/paths.js';
import { resultsPage } from './lib/resultsPage.js';
import { prunelab } from './lib/prunelab.js';
import { fail, say, SetupError } from './lib/say.js';

/** @typedef {import('./lib/resultsPage.js').Stored} Stored */

const STORE = inRoot('docs/results');
const WORK = join(CACHE, 'results');
/** Where little differs, where it begins, and where much does. */
const [LOW, MID, HIGH] = [0.5, 0.6, 0.7];
const KNOWN = ['budget', 'seeds', 'samples', 'window', 'windows', 'smollm2', 'betas'];

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
        `npm run results does not know ${argv[i]}.`,
        `Use ${KNOWN.map((k) => `--${k}`).join(', ')}, --write.`,
      );
  }
  return { values, write };
}

/** @param {string} name */
const partial = (name) => join(WORK, `${name}.partial.json`);

/**
 * One comparison by the command line, resumable; stored without the losses of each window.
 * @param {string} name
 * @param {string[]} args
 * @returns {Promise<Stored>}
 */
async function compare(name, args, { store = true } = {}) {
  mkdirSync(WORK, { recursive: true });
  mkdirSync(STORE, { recursive: true });
  const out = join(WORK, `${name}.json`);
  const all = ['compare', ...args, '--resume', partial(name), '--json', out];
  await prunelab(`The comparison ${name}`, all);
  const command = ['node bin/prunelab.js compare', ...args.map(placeless)].join(' ');
  /** @type {Stored} */
  const stored = { name, command, comparison: JSON.parse(readFileSync(out, 'utf8'), compact) };
  if (store) writeFileSync(join(STORE, `${name}.json`), `${JSON.stringify(stored)}\n`);
  return stored;
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function compact(key, value) {
  if (key === 'losses' || key === 'stages') return key === 'losses' ? [] : {};
  if (key === 'model' && typeof value === 'string') return placeless(value);
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
}

/** Where a model lies on this machine is no part of a result. @param {string} argument */
function placeless(argument) {
  return isAbsolute(argument) ? 'DIR' : argument;
}

/**
 * The allocations, the pruners, and the reversed schedule of one model.
 * @param {string} model
 * @param {string} name
 * @param {string[]} sizes
 * @param {{ pruners: string, allocations: string, betas: string }} axes
 */
async function measure(model, name, sizes, axes) {
  const common = [model, ...sizes, '--betas', axes.betas];
  const at = (/** @type {number | string} */ s, /** @type {string} */ list) => [
    ...common,
    ...['--pruners', 'wanda', '--sparsities', String(s), '--allocations', list],
  ];
  await compare(`${name}-pruners`, [
    ...common,
    ...['--pruners', axes.pruners, '--allocations', 'uniform', '--sparsities', String(HIGH)],
  ]);
  const low = await compare(`${name}-allocations-low`, at(`${LOW},${MID}`, 'uniform,atp'));
  // The tilt first; the other allocations, searches among them, go on from its file.
  const high = await compare(`${name}-tilt`, at(HIGH, 'uniform,atp'), { store: false });
  if (!existsSync(partial(`${name}-allocations`)))
    copyFileSync(partial(`${name}-tilt`), partial(`${name}-allocations`));
  const layers = high.comparison.model.layers;
  for (const [s, { comparison }] of /** @type {[number, Stored][]} */ ([
    [HIGH, high],
    [LOW, low],
  ])) {
    const row = comparison.rows.find(
      (r) => r.status === 'done' && r.allocation === 'atp' && r.sparsity === s,
    );
    const limit = Math.min(2 * s, 2 * (1 - s)) / (layers - 1);
    const beta = row?.beta ? row.beta : Number((limit / 2).toPrecision(6));
    await compare(`${name}-reversed-${s}`, [
      ...[model, ...sizes, '--pruners', 'wanda', '--sparsities', String(s)],
      ...['--allocations', `uniform,atp:beta=${beta},atp:beta=-${beta}`],
    ]);
  }
  await compare(`${name}-allocations`, at(HIGH, axes.allocations));
}

/** @param {string} name */
function stored(name) {
  const path = join(STORE, `${name}.json`);
  return existsSync(path) ? /** @type {Stored} */ (JSON.parse(readFileSync(path, 'utf8'))) : null;
}

try {
  const { values, write } = readArguments(process.argv.slice(2));
  const budget = values['budget'] ?? '6';
  /** @param {Record<string, string>} defaults */
  const sizes = (defaults) =>
    Object.entries({
      ...defaults,
      ...Object.fromEntries(Object.entries(values).filter(([k]) => k in defaults)),
    }).flatMap(([k, v]) => [`--${k}`, v]);
  if (!write) {
    await measure('demo', 'demo', sizes({ samples: '8', window: '64', windows: '6', seeds: '0,1,2' }), {
      pruners: 'wanda,magnitude,sparsegpt,all',
      allocations:
        'uniform,atp,owl,alphapruning,als,dsa,er,erk,er-plus,global,lamp,neuronal,' +
        `bayesian:bayesTrials=${budget},dsa:dsaExpression=search:dsaBudget=${budget}:dsaPopulation=3`,
      betas: values['betas'] ?? '0,0.008,0.016,0.024,0.032',
    });
    // Software adapters take minutes for a pass of this model: methods and windows are as few as that forces.
    if (values['smollm2'])
      await measure(
        values['smollm2'],
        'smollm2',
        sizes({ samples: '2', window: '32', windows: '2', seeds: '0' }),
        {
          pruners: 'wanda,magnitude,sparsegpt',
          allocations: 'uniform,atp,owl',
          betas: '0,0.004,0.008',
        },
      );
  }
  const models = ['demo', 'smollm2'].map((name) => ({
    allocations: stored(`${name}-allocations`),
    pruners: stored(`${name}-pruners`),
    low: stored(`${name}-allocations-low`),
    reversed: [LOW, HIGH].map((s) => stored(`${name}-reversed-${s}`)),
  }));
  writeFileSync(inRoot('docs/results.md'), resultsPage(models));
  say('Wrote docs/results.md.');
} catch (error) {
  fail(error);
}
