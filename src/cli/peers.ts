/** Other programs beside ours: bench/peers/run.js as a process of its own, its rows as they come. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BenchRow } from '../bench/row';
import { LabError } from '../core/errors';
import { projectRoot } from './session';

interface PeerRun {
  quick: boolean;
  signal: AbortSignal;
  emit: (row: BenchRow) => void;
  note: (text: string) => void;
}

/** Installs the peers where they are not there, and compares in one page of a browser. */
export async function comparePeers({ quick, signal, emit, note }: PeerRun): Promise<void> {
  note('Suite peers (installs what it compares with, into bench/peers)');
  const script = join(projectRoot(), 'bench', 'peers', 'run.js');
  const child = spawn(process.execPath, [script, ...(quick ? ['--quick'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        signal.aborted
          ? new LabError('CancelledError', 'Cancelled.')
          : new LabError('InternalError', `The peers could not be started: ${error.message}.`),
      ),
    );
    child.on('close', (code) => resolve(code));
  });
  let last = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.trim()) last = line.trim();
    note(line);
  });
  createInterface({ input: child.stdout }).on('line', (line) => emit(JSON.parse(line) as BenchRow));
  if ((await ended) !== 0)
    throw new LabError('InternalError', `The comparison with peers ended early: ${last.slice(0, 300)}`);
}
