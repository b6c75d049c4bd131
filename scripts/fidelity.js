// @ts-check
// npm run fidelity: a Python environment of its own in .cache/, then scripts/fidelity.py. Arguments go through.
// PRUNELAB_PYTHON=FILE takes that Python as it is, with the packages that it has.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, inRoot, ROOT } from './lib/paths.js';
import { fail, runTool, say, SetupError } from './lib/say.js';
import { setUp } from './lib/setup.js';

const PINS = inRoot('scripts/fixtures/requirements.txt');
const VENV = join(CACHE, 'fidelity-venv');
const STAMP = join(VENV, 'prunelab-stamp');
const FLOOR = { major: 3, minor: 10 };

/** A Python that is new enough for the pinned packages. */
function systemPython() {
  for (const command of ['python3', 'python']) {
    const { status, stdout } = spawnSync(command, ['-c', 'import sys; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    const [major = 0, minor = 0] = (stdout ?? '').split(' ').map(Number);
    if (status === 0 && (major > FLOOR.major || (major === FLOOR.major && minor >= FLOOR.minor)))
      return command;
  }
  throw new SetupError(
    `The fidelity table needs Python ${FLOOR.major}.${FLOOR.minor} or newer, with venv.`,
    'Install it, or name one in PRUNELAB_PYTHON.',
  );
}

/** @param {string} command @param {string[]} args @param {string} what */
async function step(command, args, what) {
  const { code } = await runTool(command, args);
  if (code !== 0)
    throw new SetupError(
      `${what} failed (exit ${code}).`,
      'What it said stands above. Mend that, or name a Python that has the packages in PRUNELAB_PYTHON.',
    );
}

/** The environment's Python; made anew when the pins change. */
async function ownPython() {
  const python = join(
    VENV,
    ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
  );
  const pins = readFileSync(PINS, 'utf8');
  const wanted = createHash('sha256').update(pins).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return python;
  rmSync(VENV, { recursive: true, force: true });
  say(`Installing into ${VENV}:`);
  say(`  ${pins.trim().split('\n').join(' ')} and what they need (torch is large).`);
  await step(systemPython(), ['-m', 'venv', VENV], 'python -m venv');
  await step(python, ['-m', 'pip', 'install', '--quiet', '-r', PINS], 'pip install');
  writeFileSync(STAMP, wanted);
  return python;
}

try {
  const python = process.env.PRUNELAB_PYTHON ?? (await ownPython());
  await setUp();
  const child = spawn(python, [inRoot('scripts/fidelity.py'), ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  child.on('error', (error) => fail(new SetupError(`${python} could not be started: ${error.message}.`)));
  child.on('close', (code) => (process.exitCode = code ?? 1));
} catch (error) {
  fail(error);
}
