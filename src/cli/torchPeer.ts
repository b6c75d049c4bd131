/** PyTorch on the processor, as a process that prunes the demo model whenever it is asked: bench/peers/torch_wanda.py. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PruneFigures, PrunePeer, PruneRequest } from '../bench/suites/prune';
import { LabError } from '../core/errors';
import { projectRoot } from './session';

/** PRUNELAB_PYTHON, or the Python of the PATH; it needs torch and transformers. */
function python(): string {
  return process.env['PRUNELAB_PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3');
}

/** LabError with what Python said last when it cannot start or ends. */
export async function openTorchPeer(request: PruneRequest): Promise<PrunePeer> {
  const root = projectRoot();
  const script = join(root, 'bench', 'peers', 'torch_wanda.py');
  const child = spawn(python(), [script, join(root, 'public', 'models', 'demo')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  let waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  const ended = (why: string): void => {
    const last = said.trim().split('\n').at(-1) ?? '';
    waiting?.reject(
      new LabError(
        'InternalError',
        `PyTorch did not run (${last || why})`.slice(0, 300),
        'Set PRUNELAB_PYTHON to a Python with torch and transformers.',
      ),
    );
  };
  child.on('error', (error) => ended(error.message));
  child.on('close', (code) => ended(`exit code ${code ?? 'none'}`));
  // Written to a process that is gone: its end is reported above.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => waiting?.resolve(line));
  const ask = (line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      child.stdin.write(`${line}\n`);
    });
  const { version, threads } = JSON.parse(await ask(JSON.stringify(request))) as {
    version: string;
    threads: number;
  };
  return {
    who: {
      name: `PyTorch CPU, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
      version,
      processor: true,
    },
    run: async () => JSON.parse(await ask('run')) as PruneFigures,
    close: () => void child.kill(),
  };
}
