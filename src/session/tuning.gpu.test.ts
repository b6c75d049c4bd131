import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import { measure } from '../ops/tuning/measure';
import { emptyTable, writeTable } from '../ops/tuning/table';
import { matmulTrial, type Trial } from '../ops/tuning/trials';
import { Workspace } from '../ops/workspace';
import { ENGINE_VERSION } from '../core/version';
import { inNode, testGpu } from '../testing/setupGpu';
import { tuneKernels, type KernelStore, type ModelShapes } from './tuning';

async function withContext(body: (ctx: GpuContext) => Promise<void>): Promise<void> {
  const ctx = await GpuContext.open(testGpu(), { backend: inNode ? 'dawn-node' : 'chrome' });
  try {
    await body(ctx);
    expect(ctx.errors).toEqual([]);
    expect(ctx.ledger.total).toBe(0);
  } finally {
    ctx.close();
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Candidates that take a known time and give known values. */
function pretend(ms: Record<string, number>, values: Record<string, number>, tolerance = 0): Trial {
  let last = '';
  return {
    op: 'matmul',
    key: 'matmul pretended',
    prior: 'prior',
    candidates: Object.keys(ms),
    prepare: () => ({
      run: async (_, name) => {
        last = name;
        await sleep(ms[name] ?? 0);
      },
      read: () => Promise.resolve(Float32Array.of(values[last] ?? NaN)),
      tolerance,
    }),
  };
}

const SHAPES: ModelShapes = {
  matrices: [{ rows: 64, cols: 32 }, { rows: 32, cols: 64 }],
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  hidden: 32,
  vocabulary: 64,
  context: 16,
}; // prettier-ignore

function memory(
  bytes: Uint8Array<ArrayBuffer>,
): KernelStore & { bytes: Uint8Array<ArrayBuffer>; writes: number } {
  const store = {
    bytes,
    writes: 0,
    read: () => Promise.resolve(store.bytes),
    write: (_: string, written: Uint8Array) => {
      store.bytes = new Uint8Array(written);
      store.writes += 1;
      return Promise.resolve();
    },
  };
  return store;
}

describe('measured choice', () => {
  test('the faster candidate is taken, unless its values differ: then it is out for good', async () => {
    await withContext(async (ctx) => {
      const times = { prior: 24, quick: 6, slow: 30 };
      const [right] = await measure(ctx, [pretend(times, { prior: 1, quick: 1 })], { budgetMs: 1e4 });
      expect(right?.chosen).toBe('quick');
      expect(Object.keys(right?.mediansMs ?? {})).toEqual(['prior', 'quick', 'slow']);
      const [near] = await measure(ctx, [pretend(times, { prior: 1, quick: 1.5 }, 0.5)], { budgetMs: 1e4 });
      expect(near?.chosen).toBe('quick');
      expect([...ctx.disabled]).toEqual([]);
      for (const quick of [1.001, NaN]) {
        const [wrong] = await measure(ctx, [pretend(times, { prior: 1, quick })], { budgetMs: 1e4 });
        expect(wrong?.chosen).toBe('prior');
        expect([...ctx.disabled]).toEqual(['matmul.quick']);
      }
    });
  });

  test('what the budget does not reach keeps its prior', async () => {
    await withContext(async (ctx) => {
      const trial = pretend({ prior: 24, quick: 6 }, { prior: 1, quick: 1 });
      const [first, second] = await measure(ctx, [trial, trial], { budgetMs: 50 });
      expect(first?.chosen).toBe('quick');
      expect(second).toEqual({ key: trial.key, prior: 'prior', chosen: 'prior', mediansMs: {} });
    });
  });

  test('what fails keeps its prior, and the rest goes on; Cancel ends it', async () => {
    await withContext(async (ctx) => {
      const good = pretend({ prior: 24, quick: 6 }, { prior: 1, quick: 1 });
      const failing = (error: LabError): Trial => ({
        ...good,
        prepare: () => {
          throw error;
        },
      });
      const options = { budgetMs: 1e4 };
      const results = await measure(ctx, [failing(new LabError('OutOfMemoryError', 'full')), good], options);
      expect(results.map(({ chosen }) => chosen)).toEqual(['prior', 'quick']);
      const cancelled = failing(new LabError('CancelledError', 'Cancelled.'));
      await expect(measure(ctx, [cancelled, good], options)).rejects.toThrow('Cancelled');
    });
  });

  test('all kernels of a product agree to the bit on the values that they are compared with', async () => {
    await withContext(async (ctx) => {
      const rec = new Recorder(ctx);
      const scope = ctx.root.child();
      for (const dtype of ['F32', 'F16', 'BF16'] as const) {
        const trial = matmulTrial(ctx, { m: 70, n: 45, k: 300, dtype });
        expect(trial.candidates.length).toBeGreaterThan(1);
        const { run, read } = trial.prepare({ ctx, scope }, new Workspace(scope));
        const results: Float32Array[] = [];
        for (const name of [...trial.candidates, 'scalar']) {
          await run(rec, name);
          results.push(await read(rec));
        }
        expect(new Set(results[0]).size).toBeGreaterThan(50);
        for (const other of results) expect(other).toEqual(results[0]);
      }
      rec.close();
      scope.close();
    });
  });

  test('hardware measures once, stores it, and the next visit takes the same kernels without measuring', async () => {
    const store = memory(writeTable(emptyTable(ENGINE_VERSION)));
    const open = (): Promise<KernelStore> => Promise.resolve(store);
    let kernels: Record<string, string> | undefined;
    await withContext(async (ctx) => {
      ctx.record.software = false;
      // The self-test has run here before.
      const entry = { choices: {}, disabled: ['matmul.subgroup'] };
      store.bytes = writeTable({ ...emptyTable(ENGINE_VERSION), adapters: { [ctx.adapterKey]: entry } });
      const results = await tuneKernels(ctx, SHAPES, 'BF16', open);
      kernels = ctx.record.kernels;
      expect(Object.keys(kernels ?? {})).toEqual([
        'attention 256 x 32',
        'matmul 1024 x 64 x 64 BF16',
        'matmul 128 x 64 x 64 BF16',
      ]);
      expect(results.map(({ key, chosen }) => [key, chosen]).sort()).toEqual(Object.entries(kernels ?? {}));
      expect(store.writes).toBe(1);
      expect([...ctx.disabled]).toContain('matmul.subgroup');
      expect(await tuneKernels(ctx, SHAPES, 'BF16', open)).toEqual([]);
    });
    await withContext(async (ctx) => {
      ctx.record.software = false;
      expect(await tuneKernels(ctx, SHAPES, 'BF16', open)).toEqual([]);
      expect(ctx.record.kernels).toEqual(kernels);
      expect(Object.fromEntries(ctx.tuned)).toEqual(kernels);
      expect(store.writes).toBe(1);
    });
  });

  test('a software adapter measures on request alone, and stores nothing', async () => {
    await withContext(async (ctx) => {
      const refuse = (): Promise<KernelStore> => Promise.reject(new Error('not to be opened'));
      expect(await tuneKernels(ctx, SHAPES, 'F16', refuse)).toEqual([]);
      expect(ctx.record.kernels).toBeUndefined();
      const results = await tuneKernels(ctx, SHAPES, 'F16', refuse, { force: true });
      expect(results.map(({ key }) => key)).toEqual(['attention 256 x 32', 'matmul 256 x 64 x 64 F16']);
      expect(results.every(({ mediansMs, chosen }) => chosen in mediansMs)).toBe(true);
    });
  });
});
