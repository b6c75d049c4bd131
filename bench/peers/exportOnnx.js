// @ts-check
// The demo model as ONNX, made once by export_onnx.py where there is a Python that can.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, inRoot } from '../../scripts/lib/paths.js';
import { runTool, say } from '../../scripts/lib/say.js';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'export_onnx.py');
const MODEL = inRoot('public/models/demo');

/** The Python to measure and export with. */
export const python = () =>
  process.env.PRUNELAB_PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3');

/** @param {string} text */
const lastLine = (text) => text.trim().split('\n').at(-1)?.trim() ?? '';

/**
 * The folder that transformers.js reads, or why there is none. Kept as long as model and script stay the same.
 * @param {{ make: boolean }} options whether to make it where it is not there
 * @returns {Promise<{ folder?: string, reason?: string }>}
 */
export async function onnxExport({ make }) {
  const hash = createHash('sha256')
    .update(readFileSync(SCRIPT))
    .update(readFileSync(join(MODEL, 'model.safetensors')));
  const folder = join(CACHE, `onnx-demo-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return { folder };
  const remedy = `run python3 bench/peers/export_onnx.py public/models/demo ${folder}`;
  if (!make) return { reason: `no ONNX export of the demo model; ${remedy}` };
  say('Exporting the demo model to ONNX (PyTorch)…');
  const aside = `${folder}.${process.pid}`;
  mkdirSync(aside, { recursive: true });
  const { code, output } = await runTool(python(), [SCRIPT, MODEL, aside], { quiet: true }).catch(
    (error) => ({
      code: 1,
      output: String(error.message),
    }),
  );
  if (code !== 0) {
    rmSync(aside, { recursive: true, force: true });
    return { reason: `no ONNX export of the demo model (${lastLine(output).slice(0, 120)}); ${remedy}` };
  }
  renameSync(aside, folder);
  return { folder };
}
