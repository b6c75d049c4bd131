/**
 * Models in and out: load (read, hash, upload) and export (mask, write, hash, read back, verify). Beside each, in turns,
 * what bounds it: the same bytes read or written and read back, hashed as often as the files ask for, and (loading) their
 * memory made and filled.
 */
import { sha256Stream } from '../../formats/sha256';
import type { ExportSink } from '../../formats/sink';
import { exportTo } from '../../session/export';
import type { BenchEnv } from '../env';
import { textSpec, turns, useModel } from '../env';
import { interleave, type Timing } from '../measure';
import { makeRow, percentile, ratioOf, withRatio, type BenchRow } from '../row';

const BLOCK_BYTES = 8 << 20;
/** Of the slowest of its bounds; of large models, beside whose bytes nothing else counts. */
const GOAL = 1.5;

const repsOf = (env: BenchEnv, large: boolean): number => (env.quick ? 2 : large ? 3 : 5);

interface Readable {
  size: number;
  read: (begin: number, end: number) => Promise<unknown>;
}

async function readAll({ size, read }: Readable): Promise<void> {
  for (let at = 0; at < size; at += BLOCK_BYTES) await read(at, Math.min(size, at + BLOCK_BYTES));
}

/** Hashes so many bytes, a block in memory again and again. */
async function hashBytes(bytes: number): Promise<void> {
  const hash = await sha256Stream();
  const block = new Uint8Array(Math.min(bytes, BLOCK_BYTES));
  for (let at = 0; at < bytes; at += block.byteLength) hash.update(block.subarray(0, bytes - at));
  hash.finish();
}

/** Memory for so many bytes, filled. */
async function upload(env: BenchEnv, bytes: number): Promise<void> {
  const { ctx } = env.lab;
  const scope = ctx.root.child();
  const block = new Uint8Array(Math.min(Math.ceil(bytes / 16) * 16, BLOCK_BYTES));
  try {
    for (let at = 0; at < bytes; at += block.byteLength) {
      const buffer = scope.alloc(block.byteLength, 'scratch', 'upload');
      ctx.device.queue.writeBuffer(buffer.raw, 0, block);
    }
    await scope.ready();
    await ctx.device.queue.onSubmittedWorkDone();
  } finally {
    scope.close();
  }
}

/** The row of the first timing with its ratio to the slowest of the others, which are its parts. */
function boundedRow(row: BenchRow, large: boolean, [timing, ...bounds]: readonly Timing[]): BenchRow {
  const median = (t: Timing): number => percentile(t.samplesMs, 0.5);
  const [slowest] = [...bounds].sort((a, b) => median(b) - median(a));
  const parts = Object.fromEntries(bounds.map((t) => [t.name, median(t)]));
  if (!timing || !slowest) return row;
  const ratio = { value: ratioOf(timing, slowest).value };
  return { ...withRatio(row, slowest.name, ratio, large ? GOAL : undefined), parts };
}

export async function loadSuite(env: BenchEnv): Promise<void> {
  for (const model of env.models) {
    await useModel(env, model);
    const { totalBytes: bytes, weightFiles } = env.lab.loaded.plan.opened;
    const timings = await interleave(
      [
        { name: 'load', run: () => useModel(env, model) },
        {
          name: 'reading the files',
          run: async () => {
            for (const { source } of weightFiles)
              await readAll({ size: source.size, read: (begin, end) => source.read(begin, end) });
          },
        },
        { name: 'hashing their bytes', run: () => hashBytes(bytes) },
        { name: 'memory for their bytes', run: () => upload(env, bytes) },
      ],
      { reps: repsOf(env, model.large), ...turns(env) },
    );
    const where = { suite: 'load', case: model.name, device: env.device };
    if (timings[0]) env.emit(boundedRow(makeRow(where, timings[0], { bytes }), model.large, timings));
  }
}

export async function exportSuite(env: BenchEnv): Promise<void> {
  for (const model of env.models) {
    await useModel(env, model);
    const spec = textSpec(model.name, 64, 1);
    const report = await env.lab.run(spec, 0, env.io);
    let files: { path: string; bytes: number }[] = [];
    const inFolder = async (work: (sink: ExportSink) => Promise<void>): Promise<void> => {
      const { sink, remove } = await env.openSink();
      try {
        await work(sink);
      } finally {
        await remove();
      }
    };
    const once = (): Promise<void> =>
      inFolder(async (sink) => {
        ({ files } = await exportTo(env.lab, spec, 0, sink, { masks: false }, env.io, report));
      });
    const total = (of: RegExp): number =>
      files.reduce((sum, { path, bytes }) => sum + (of.test(path) ? bytes : 0), 0);
    const timings = await interleave(
      [
        { name: 'export', run: once },
        {
          name: 'writing and reading the same bytes',
          run: () => inFolder((sink) => copyThrough(sink, files)),
        },
        // Of a file and of each tensor, when it is written and when it is verified.
        {
          name: 'hashing them as often',
          run: () => hashBytes(2 * total(/./) + 2 * total(/\.safetensors$/)),
        },
      ],
      { reps: repsOf(env, model.large), ...turns(env) },
    );
    const where = { suite: 'export', case: `${model.name}, written and verified`, device: env.device };
    if (timings[0])
      env.emit(boundedRow(makeRow(where, timings[0], { bytes: total(/./) }), model.large, timings));
  }
}

/** Files of these sizes, written and read back. */
async function copyThrough(
  sink: ExportSink,
  files: readonly { path: string; bytes: number }[],
): Promise<void> {
  const block = new Uint8Array(BLOCK_BYTES);
  for (const { path, bytes } of files) {
    await sink.create(path);
    for (let at = 0; at < bytes; at += BLOCK_BYTES) await sink.write(path, block.subarray(0, bytes - at));
    await sink.close(path);
    await readAll({ size: bytes, read: (begin, end) => sink.read(path, begin, end) });
  }
}
