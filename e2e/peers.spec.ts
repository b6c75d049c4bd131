/** The comparison with other programs: ours runs in its page, and what is not installed says so in its row. */
import { expect, test } from '@playwright/test';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchRow } from '../src/bench/row';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

test('the page of the peers measures ours, and every peer or its error', async () => {
  // Nothing is installed: the test has no network.
  const child = spawn(process.execPath, ['bench/peers/run.js', '--quick', '--no-install'], { cwd: ROOT });
  let [rows, said] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (rows += text.toString()));
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code, said).toBe(0);
  const all = rows
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as BenchRow);
  expect(new Set(all.map((row) => row.suite))).toEqual(new Set(['kernels', 'forward']));
  for (const row of all) {
    const { peer } = row;
    expect(row.error, row.case).toBeUndefined();
    expect(row.medianMs, row.case).toBeGreaterThan(0);
    expect(row.reps, row.case).toBe(2);
    expect(peer?.version).toMatch(/^\d/);
    if (peer?.error === undefined) expect(peer?.medianMs, peer?.name).toBeGreaterThan(0);
    else expect(peer.medianMs, peer.error).toBeNull();
  }
  const names = all.filter((row) => row.case.startsWith('matmul')).map((row) => row.peer?.name ?? '');
  for (const name of [
    'onnxruntime-web webgpu',
    'onnxruntime-web wasm, 1 thread',
    'tfjs webgpu',
    'jax-js webgpu',
  ])
    expect(names).toContain(name);
});
