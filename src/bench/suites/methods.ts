/**
 * What the pruners of the registry cost: the statistics that only some need, against the products of the same run;
 * choosing rows, against a plain radix select; and one pass of each pruner over the demo model.
 */
import { DTYPE_BYTES } from '../../core/dtypes';
import { isCancelled, LabError, throwIfAborted } from '../../core/errors';
import { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import { inputsOf } from '../../models/archs/define';
import { InputStatistics, type WantedStatistics } from '../../models/inputStatistics';
import { gpuText } from '../../models/streams';
import { columnEnergy, energyChunks } from '../../ops/columnEnergy';
import { columnMoments } from '../../ops/columnMoments';
import { momentChunks } from '../../ops/statisticShapes';
import { gram, gramFlops } from '../../ops/gram';
import { matmul } from '../../ops/matmul';
import { rowCounts, selectRows } from '../../ops/select';
import { selectRowsCpu } from '../../ops/selectCpu';
import { normals, upload, uploadAct, uploadVec, uploadWeight } from '../../ops/trial';
import type { MaskBuffer } from '../../ops/types';
import { Workspace } from '../../ops/workspace';
import type { PassResult } from '../../pruning/pass';
import { PRUNERS } from '../../pruning/pruners';
import { planRun, ratesFor } from '../../session/plan';
import type { Engine } from '../../session/engine';
import type { ResolvedText } from '../../session/texts';
import type { BenchEnv, BenchModel } from '../env';
import { NO_METER, onDevice, textOf, textSpec, turns, useModel } from '../env';
import { interleave, type Timing } from '../measure';
import { operationsOf, worstSolve } from '../operations';
import { blocksPass } from '../passes';
import { plainSelectRows } from '../plainSelect';
import { errorRow, makeRow, percentile, ratioOf, withRatio, type BenchRow, type Ratio } from '../row';

/** Inputs of q, k, v, o, gate and up of SmolLM2-135M, and of down, with the product that reads each. */
const SHAPES = [
  { cols: 576, rows: 576, what: 'q, o' },
  { cols: 1536, rows: 576, what: 'down' },
];
const CHUNK_ROWS = 64;
/** Short runs repeat inside a sample until it takes this long. */
const SAMPLE_MS = 30;
/** Passes whose solving takes more than this are cut to as many blocks as it allows, one at least. */
const SOLVE_OPERATIONS = 2e10;
/** A pass that takes longer than this is given up. */
const PASS_LIMIT_MS = 60_000;

interface Bench {
  env: BenchEnv;
  rec: Recorder;
  scope: Scope;
}

const where = (env: BenchEnv, name: string): Pick<BenchRow, 'suite' | 'case' | 'device'> => ({
  suite: 'methods',
  case: name,
  device: env.device,
});

async function onScope(env: BenchEnv, body: (bench: Bench) => Promise<void>): Promise<void> {
  const scope = env.lab.ctx.root.child();
  const rec = new Recorder(env.lab.ctx, { signal: env.io.signal });
  try {
    await body({ env, rec, scope });
  } finally {
    rec.close();
    scope.close();
  }
}

/** Kinds of work in turns, each timed until the device is idle. */
function inTurns(
  { env, rec }: Bench,
  work: Record<string, () => Promise<void>>,
  sampleMs = env.quick ? 0 : SAMPLE_MS,
): Promise<Timing[]> {
  return interleave(
    Object.entries(work).map(([name, record]) => ({
      name,
      run: async () => {
        await record();
        await rec.finish();
      },
    })),
    { reps: env.quick ? 2 : 3, sampleMs, ...turns(env) },
  );
}

/** Speeds, from the times of `ratioOf` and the operations behind them. */
function speedRatio(
  own: Timing,
  other: Timing,
  flops: number,
  otherFlops: number,
): Pick<Ratio, 'value' | 'cpu'> {
  const times = ratioOf(other, own);
  const factor = flops / otherFlops;
  return { value: times.value * factor, ...(times.cpu === undefined ? {} : { cpu: times.cpu * factor }) };
}

async function statisticsKernels(env: BenchEnv): Promise<void> {
  const tokens = env.quick ? 256 : 2048;
  for (const { cols, rows, what } of SHAPES) {
    await onScope(env, async (bench) => {
      const { rec, scope } = bench;
      const place = { ctx: env.lab.ctx, scope };
      const x = uploadAct(place, normals(tokens * cols, 1), cols);
      const square = scope.alloc(cols * cols * 4, 'scratch', 'bench gram');
      const { weight } = uploadWeight(place, normals(rows * cols, 2), cols, 'F32');
      const y = {
        buffer: scope.alloc(tokens * rows * 4, 'activations', 'bench product'),
        rows: tokens,
        cols: rows,
      };
      const workspace = new Workspace(scope);
      const [g, m] = await inTurns(bench, {
        gram: () => gram(rec, x, square, {}, workspace),
        matmul: () => matmul(rec, x, weight, y),
      });
      if (!g || !m) return;
      const title = `Gram matrix ${tokens}x${cols} (SmolLM2-135M ${what})`;
      const product = `the rate of matmul ${tokens}x${rows}x${cols} F32`;
      const flops = { triangle: gramFlops(tokens, cols), whole: 2 * tokens * cols * cols, matmul: 2 * tokens * rows * cols }; // prettier-ignore
      env.emit(
        withRatio(
          makeRow(where(env, `${title}, its operations by definition`), g, { flops: flops.whole }),
          product,
          speedRatio(g, m, flops.whole, flops.matmul),
          1,
          'more',
        ),
      );
      env.emit(
        withRatio(
          makeRow(where(env, `${title}, the triangle that is computed`), g, { flops: flops.triangle }),
          product,
          speedRatio(g, m, flops.triangle, flops.matmul),
        ),
      );
      env.emit(makeRow(where(env, `matmul ${tokens}x${rows}x${cols} F32 (SmolLM2-135M ${what})`), m, { flops: flops.matmul })); // prettier-ignore

      const length = Math.min(tokens, 512);
      const chunks = (tokens / length) * momentChunks(length, CHUNK_ROWS);
      const partials = scope.alloc(chunks * 2 * cols * 4, 'scratch', 'bench moments');
      const energies = scope.alloc(energyChunks(tokens, CHUNK_ROWS) * cols * 4, 'scratch', 'bench energies');
      const timings = await inTurns(bench, {
        'column moments': () => columnMoments(rec, x, partials, { length, rowsPerChunk: CHUNK_ROWS }),
        'column energy': () => columnEnergy(rec, x, energies, { rowsPerChunk: CHUNK_ROWS }),
      });
      for (const t of timings)
        env.emit(makeRow(where(env, `${t.name} ${tokens}x${cols}`), t, { bytes: 4 * tokens * cols }));
    });
  }
}

/** From weights on the GPU to a mask on the GPU. */
async function rowSelection(env: BenchEnv): Promise<void> {
  await onScope(env, async (bench) => {
    const { rec, scope } = bench;
    const place = { ctx: env.lab.ctx, scope };
    const [rows, cols] = env.quick ? [352, 128] : [1536, 576];
    const { weight } = uploadWeight(place, normals(rows * cols, 3), cols, 'BF16');
    const hostNorms = normals(cols, 4).map(Math.abs);
    const norms = uploadVec(place, hostNorms);
    const hostCounts = rowCounts(rows, cols, 0.7, false);
    const counts = upload(place, hostCounts);
    const wordsPerRow = Math.ceil(cols / 32);
    const mask: MaskBuffer = {
      buffer: scope.alloc(rows * wordsPerRow * 4, 'masks', 'bench mask'),
      rows,
      cols,
      wordsPerRow,
    };
    const [shard] = weight.shards;
    if (!shard) return;
    const bytes = rows * cols * DTYPE_BYTES.BF16;
    const read = async (): Promise<Uint8Array> => new Uint8Array(await rec.read(shard.buffer, 0, bytes));
    const onGpu = (): Promise<void> => selectRows(rec, weight, norms, counts, mask);
    const onCpu = async (): Promise<void> =>
      rec.write(mask.buffer, 0, selectRowsCpu(await read(), 'BF16', rows, cols, hostNorms, hostCounts));
    const [chosen, gpu, plain] = await inTurns(
      bench,
      {
        chosen: env.lab.ctx.record.software ? onCpu : onGpu,
        gpu: onGpu,
        plain: async () =>
          rec.write(mask.buffer, 0, plainSelectRows(await read(), 'BF16', rows, cols, hostNorms, hostCounts)),
      },
      // Repeated even where all else is quick: the compiler of JavaScript needs some calls.
      3 * SAMPLE_MS,
    );
    if (!chosen || !gpu || !plain) return;
    const label = `select rows ${rows}x${cols} BF16`;
    const yardstick = 'a plain TypeScript radix select';
    env.emit(
      withRatio(makeRow(where(env, `${label}, as chosen for this adapter`), chosen, { bytes }), yardstick, ratioOf(chosen, plain), 1), // prettier-ignore
    );
    env.emit(withRatio(makeRow(where(env, `${label}, on the GPU`), gpu, { bytes }), yardstick, ratioOf(gpu, plain))); // prettier-ignore
    env.emit(makeRow(where(env, `${label}, plain radix select`), plain, { bytes }));
  });
}

/** One run, its figures as a measurement of one. */
async function once(env: BenchEnv, run: () => Promise<unknown>): Promise<Timing> {
  const cpuMs = env.cpuMs?.() ?? 0;
  const startMs = performance.now();
  await run();
  const ms = performance.now() - startMs;
  const samplesCpuMs = env.cpuMs ? [env.cpuMs() - cpuMs] : [];
  return { name: '', samplesMs: [ms], samplesCpuMs, samplesDeviceMs: [], warmup: 0 };
}

/** Milliseconds of collecting and reading `wanted` of every layer, on inputs that are there. */
async function collecting(
  env: BenchEnv,
  engine: Engine,
  text: ResolvedText,
  wanted: WantedStatistics,
): Promise<number> {
  const { config } = engine.model;
  let ms = 0;
  await onScope(env, async (bench) => {
    const { rec, scope } = bench;
    const onGpu = gpuText(rec, scope, text.windows, engine.batchTokens);
    const statistics = new InputStatistics(scope, config, onGpu, wanted);
    const inputs = inputsOf(config).map(({ name, width }) => ({
      name,
      x: uploadAct({ ctx: env.lab.ctx, scope }, normals(onGpu.largest * width, 5), width),
    }));
    const [layer] = await inTurns(bench, {
      layer: async () => {
        for (const batch of onGpu.batches) {
          const hook = statistics.hook(rec, onGpu, batch);
          for (const { name, x } of inputs) await hook(name, { ...x, rows: batch.rows });
        }
        await statistics.read(rec);
      },
    });
    ms = percentile(layer?.samplesMs ?? [], 0.5) * config.layers;
  });
  return ms;
}

interface PassJob {
  name: string;
  pruner: (typeof PRUNERS)[number];
  job: Parameters<Engine['prune']>[1];
}

/** A pass of one pruner at 50 %, uniform, with exact statistics and nothing measured. */
function passOf(engine: Engine, model: BenchModel, text: ResolvedText, pruner: PassJob['pruner']): PassJob {
  const { tokens, lengths } = text.windows;
  const { config, plan: sizes } = engine.model;
  const spec = { ...textSpec(model.name, lengths[0] ?? 1, lengths.length), pruner: pruner.id, allocation: 'uniform', sparsity: 0.5 }; // prettier-ignore
  const plan = planRun(sizes, spec);
  const fit = Math.floor(SOLVE_OPERATIONS / (worstSolve(config, pruner.id) || 1));
  const blocks = Math.max(1, Math.min(config.layers, fit));
  const cut = blocks < config.layers ? `, ${blocks} of ${config.layers} blocks pruned` : '';
  const rates = ratesFor(sizes, plan, 0).rates.map((row, layer) =>
    layer < blocks ? row : Object.fromEntries(Object.keys(row).map((matrix) => [matrix, 0])),
  );
  return {
    name: `${model.name}, a pass of ${pruner.id} on ${tokens} tokens${cut}`,
    pruner,
    job: { plan, rates, statistics: 'exact', calibration: text },
  };
}

/** Runs it, and says where the time went. */
async function timePass(env: BenchEnv, engine: Engine, pass: PassJob, forwards: Timing): Promise<void> {
  const { config } = engine.model;
  const { job, pruner } = pass;
  const { statistics, params } = job.plan;
  const { tokens, lengths } = job.calibration.windows;
  const limit = new AbortController();
  const signal = env.io.signal ? AbortSignal.any([env.io.signal, limit.signal]) : limit.signal;
  const rec = new Recorder(env.lab.ctx, { signal });
  const timer = setTimeout(() => limit.abort(), PASS_LIMIT_MS);
  try {
    let stages: PassResult['stages'] = { statistics: 0, choose: 0, measure: 0 };
    const timing = await once(env, async () => {
      ({ stages } = await engine.prune(rec, job, NO_METER));
      await rec.finish();
    });
    const wanted = {
      norm: statistics.includes('norm'),
      gram: statistics.includes('gram'),
      moments: statistics.includes('moments'),
    };
    const collected = Object.values(wanted).some(Boolean) ? await collecting(env, engine, job.calibration, wanted) : 0; // prettier-ignore
    // The GPU still works on one stage while the next is recorded: what it does can only be told from the choosing.
    const onGpu = stages.statistics + stages.measure;
    const row: BenchRow = {
      ...makeRow(where(env, pass.name), timing, { flops: rec.work.flops, tokens }),
      parts: {
        'forward passes and masking': Math.max(0, onGpu - collected),
        'input statistics': collected,
        [pruner.choose(params) ? 'solving' : 'selection']: stages.choose,
        'before the pass': percentile(timing.samplesMs, 0.5) - onGpu - stages.choose,
      },
      operations: operationsOf(config, { id: pruner.id, statistics }, { tokens, length: lengths[0] ?? 1 }),
    };
    env.emit(
      statistics.length > 0 ? withRatio(row, 'its two forward passes', ratioOf(timing, forwards)) : row,
    );
  } catch (cause) {
    throwIfAborted(env.io.signal);
    const error = LabError.from(cause);
    if (error.kind === 'DeviceLostError') throw error;
    const why = isCancelled(error)
      ? `took more than ${PASS_LIMIT_MS / 1000} s`
      : `${error.kind}: ${error.message}`;
    env.emit(errorRow(where(env, pass.name), why));
  } finally {
    clearTimeout(timer);
    rec.close();
  }
}

async function passes(env: BenchEnv): Promise<void> {
  const [model] = env.models;
  if (!model) return;
  const engine = await useModel(env, model);
  const text = await textOf(env, textSpec(model.name, env.quick ? 32 : 64, 2), 'calibration');
  const two = async (): Promise<void> => {
    await blocksPass(env, engine, text);
    await blocksPass(env, engine, text);
  };
  const all = PRUNERS.map((pruner) => passOf(engine, model, text, pruner));
  // What passes share is compiled before anything is timed.
  const [first] = all;
  if (first) await onDevice(env, (rec) => engine.prune(rec, first.job, NO_METER));
  const forwards = await once(env, two);
  const { tokens } = text.windows;
  env.emit(makeRow(where(env, `${model.name}, two forward passes of ${tokens} tokens through the blocks`), forwards, { tokens: 2 * tokens })); // prettier-ignore
  for (const pass of all) await timePass(env, engine, pass, forwards);
}

export async function methodsSuite(env: BenchEnv): Promise<void> {
  await statisticsKernels(env);
  await rowSelection(env);
  await passes(env);
}
