/**
 * Single kernels on the shapes of real models: every product with every kernel that runs here, then what else a
 * forward pass and a pruning pass are made of.
 */
import { DTYPE_BYTES, type FloatDtype } from '../../core/dtypes';
import { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import { activate, ACTIVATIONS } from '../../ops/activate';
import { applyMask } from '../../ops/applyMask';
import { attention, ATTENTION_VARIANTS, attentionSupported } from '../../ops/attention';
import { columnEnergy, energyChunks } from '../../ops/columnEnergy';
import { countZeros, zeroPartials } from '../../ops/countZeros';
import { errorPartials, errorSums } from '../../ops/errorSums';
import { layerNorm } from '../../ops/layerNorm';
import { matmul } from '../../ops/matmul';
import { matmulsToTime } from '../../ops/matmulVariants';
import { matvec } from '../../ops/matvec';
import { rmsNorm } from '../../ops/rmsNorm';
import { rope } from '../../ops/rope';
import {
  maskFromRanks as ranksToMask,
  rowCounts,
  selectGroups,
  selectMatrix,
  selectRows,
} from '../../ops/select';
import { rowRanks, selectRowsCpu } from '../../ops/selectCpu';
import { splitColumns } from '../../ops/splitColumns';
import { normals, upload, uploadAct, uploadVec, uploadWeight } from '../../ops/trial';
import type { Act, MaskBuffer } from '../../ops/types';
import { Workspace } from '../../ops/workspace';
import { turns, type BenchEnv, type SuiteEnv } from '../env';
import { interleave, type Variant } from '../measure';
import { Profile, totalMs } from '../profile';
import { withRoofline } from '../roofline';
import { makeRow, type Work } from '../row';

interface Shape {
  model: string;
  dtype: FloatDtype;
  tokens: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  inner: number;
  /** A piece of the head. */
  headRows: number;
}

const SMOLLM2: Shape = { model: 'SmolLM2-135M', dtype: 'BF16', tokens: 256, hidden: 576, heads: 9, kvHeads: 3, headDim: 64, inner: 1536, headRows: 2048 }; // prettier-ignore
const DEMO: Shape = { model: 'demo', dtype: 'F16', tokens: 256, hidden: 128, heads: 4, kvHeads: 2, headDim: 32, inner: 352, headRows: 4096 }; // prettier-ignore

/** One sample takes at least this long, so that submit and wait do not count for much. */
const SAMPLE_MS = 30;
/** Kernels this much slower than the best on their shape are timed once. */
const GIVE_UP = 4;

/** One run of a case, recorded; `onHost` where it is no GPU work. */
interface Case {
  name: string;
  record: () => Promise<void> | void;
  onHost?: true;
}

class Suite {
  readonly #env: SuiteEnv;
  readonly scope: Scope;
  readonly rec: Recorder;
  readonly #profile: Profile | undefined;

  constructor(env: SuiteEnv) {
    this.#env = env;
    this.scope = env.lab.ctx.root.child();
    this.#profile = env.peaks.clock === 'timestamp' ? new Profile(env.lab.ctx) : undefined;
    this.rec = new Recorder(env.lab.ctx, { signal: env.io.signal, probe: this.#profile });
  }

  get place(): { ctx: BenchEnv['lab']['ctx']; scope: Scope } {
    return { ctx: this.#env.lab.ctx, scope: this.scope };
  }

  /** Cases in turns. */
  async time(title: string, work: Work, cases: readonly Case[]): Promise<void> {
    const profile = this.#profile;
    const timed: Variant[] = cases.map(({ name, record, onHost }) => ({
      name,
      run: async () => {
        await record();
        await this.rec.finish();
      },
      runMany: async (repeats) => {
        for (let i = 0; i < repeats; i++) await record();
        await this.rec.finish();
      },
      ...(profile && !onHost && { deviceMs: async () => totalMs(await profile.take()) }),
    }));
    const reps = this.#env.quick ? 2 : 7;
    const sampleMs = this.#env.quick ? 0 : SAMPLE_MS;
    const timings = await interleave(timed, {
      reps,
      sampleMs,
      giveUpFactor: GIVE_UP,
      ...turns(this.#env),
    });
    for (const [i, t] of timings.entries()) {
      const name = t.name ? `${title}, ${t.name}` : title;
      const row = makeRow({ suite: 'kernels', case: name, device: this.#env.device }, t, work);
      this.#env.emit(cases[i]?.onHost ? row : withRoofline(row, this.#env.peaks));
    }
  }

  act(rows: number, cols: number, seed = 1): Act {
    return uploadAct(this.place, normals(rows * cols, seed), cols);
  }

  close(): void {
    this.rec.close();
    this.#profile?.close();
    this.scope.close();
  }
}

async function inSuite(env: SuiteEnv, body: (suite: Suite) => Promise<void>): Promise<void> {
  const suite = new Suite(env);
  try {
    await suite.scope.ready();
    await body(suite);
  } finally {
    suite.close();
  }
}

async function product(env: SuiteEnv, what: string, shape: Shape, n: number, k: number): Promise<void> {
  await inSuite(env, async (suite) => {
    const { tokens: m, dtype } = shape;
    const { weight } = uploadWeight(suite.place, normals(n * k, 2), k, dtype);
    const [x, out] = [suite.act(m, k), suite.act(m, n)];
    const work = { flops: 2 * m * n * k, bytes: 4 * (m * k + m * n) + DTYPE_BYTES[dtype] * n * k };
    const able = matmulsToTime(env.lab.ctx, k, dtype).filter((v) => v !== 'scalar' || !env.quick);
    await suite.time(
      `matmul ${m}x${n}x${k} ${dtype} (${shape.model} ${what})`,
      work,
      able.map((variant) => ({
        name: variant,
        record: () => matmul(suite.rec, x, weight, out, { variant }),
      })),
    );
  });
}

async function forwardParts(env: SuiteEnv, s: Shape): Promise<void> {
  await inSuite(env, async (suite) => {
    const { rec } = suite;
    const { tokens, hidden, heads, kvHeads, headDim, inner } = s;
    const label = `${tokens} tokens (${s.model})`;
    const workspace = new Workspace(suite.scope);
    const [q, k, v] = [suite.act(tokens, heads * headDim), suite.act(tokens, kvHeads * headDim, 2), suite.act(tokens, kvHeads * headDim, 3)]; // prettier-ignore
    const mixed = suite.act(tokens, heads * headDim);
    const shape = {
      batch: 1,
      queries: tokens,
      keys: tokens,
      heads,
      kvHeads,
      headDim,
      positionBegin: 0,
      scale: headDim ** -0.5,
    };
    await suite.time(
      `attention ${heads} heads of ${headDim}, ${label}`,
      {
        flops: 2 * tokens * (tokens + 1) * heads * headDim,
        bytes: 8 * tokens * (heads + kvHeads) * headDim,
      },
      ATTENTION_VARIANTS.filter((t) => attentionSupported(env.lab.ctx, t, headDim)).map((tiles) => ({
        name: tiles,
        record: () => attention(rec, q, k, v, mixed, { ...shape, tiles }, workspace),
      })),
    );
    const [x, y] = [suite.act(tokens, hidden), suite.act(tokens, hidden)];
    const weight = uploadVec(suite.place, normals(hidden, 4));
    await suite.time(
      `rmsNorm ${hidden} wide, ${label}`,
      { flops: 4 * tokens * hidden, bytes: 8 * tokens * hidden },
      (['lane', 'tree'] as const).map((variant) => ({
        name: variant,
        record: () => rmsNorm(rec, x, weight, y, { eps: 1e-5, variant }),
      })),
    );
    const bias = uploadVec(suite.place, normals(hidden, 9));
    await suite.time(
      `layerNorm ${hidden} wide, ${label}`,
      { flops: 8 * tokens * hidden, bytes: 8 * tokens * hidden },
      (['lane', 'tree'] as const).map((variant) => ({
        name: variant,
        record: () => layerNorm(rec, x, weight, bias, y, { eps: 1e-5, variant }),
      })),
    );
    const fused = suite.act(tokens, 3 * hidden);
    const third = { begin: headDim, block: headDim, stride: 3 * headDim };
    await suite.time(`split columns, a third of ${3 * hidden}, ${label}`, { bytes: 8 * tokens * hidden }, [
      { name: '', record: () => splitColumns(rec, fused, y, third) },
    ]);
    const table = upload(suite.place, normals(tokens * headDim, 5));
    const turned = suite.act(tokens, heads * headDim);
    await suite.time(`rope ${heads} heads of ${headDim}, ${label}`, { bytes: 8 * tokens * heads * headDim }, [
      {
        name: '',
        record: () =>
          rope(rec, turned, table, {
            heads,
            headDim,
            seqLength: tokens,
            positionBegin: 0,
            rotaryDim: headDim,
          }),
      },
    ]);
    const [gate, up] = [suite.act(tokens, inner), suite.act(tokens, inner, 2)];
    await suite.time(
      `activate and gate ${inner} wide, ${label}`,
      { bytes: 12 * tokens * inner },
      ACTIVATIONS.map((kind) => ({ name: kind, record: () => activate(rec, kind, gate, up) })),
    );
    const w = uploadWeight(suite.place, normals(inner * hidden, 6), hidden, s.dtype).weight;
    const [one, many] = [suite.act(1, hidden), suite.act(1, inner)];
    const work = { flops: 2 * inner * hidden, bytes: DTYPE_BYTES[s.dtype] * inner * hidden };
    await suite.time(`matvec ${inner}x${hidden} ${s.dtype} (${s.model})`, work, [
      { name: '', record: () => matvec(rec, one, w, many) },
    ]);
  });
}

async function pruningParts(env: SuiteEnv, s: Shape): Promise<void> {
  await inSuite(env, async (suite) => {
    const { rec, place } = suite;
    const [rows, cols] = [s.inner, s.hidden];
    const label = `${rows}x${cols} ${s.dtype} (${s.model} gate)`;
    const { weight, values } = uploadWeight(place, normals(rows * cols, 7), cols, s.dtype);
    const hostNorms = normals(cols, 8).map(Math.abs);
    const norms = uploadVec(place, hostNorms);
    const hostCounts = rowCounts(rows, cols, 0.7, false);
    const counts = upload(place, hostCounts);
    const wordsPerRow = Math.ceil(cols / 32);
    const mask: MaskBuffer = {
      buffer: suite.scope.alloc(rows * wordsPerRow * 4, 'masks', 'bench mask'),
      rows,
      cols,
      wordsPerRow,
    };
    const [shard] = weight.shards;
    if (!shard) return;
    const bytes = new Uint8Array(await rec.read(shard.buffer, 0, rows * cols * DTYPE_BYTES[s.dtype]));
    const ranks = rowRanks(bytes, s.dtype, rows, cols, hostNorms);
    const onGpu = upload(place, new Uint8Array(ranks.buffer));
    const moved = { bytes: values.length * DTYPE_BYTES[s.dtype] };
    await suite.time(`select rows ${label}`, moved, [
      { name: 'gpu lane', record: () => selectRows(rec, weight, norms, counts, mask, { variant: 'lane' }) },
      { name: 'gpu group', record: () => selectRows(rec, weight, norms, counts, mask, { variant: 'group' }) },
      {
        name: 'cpu',
        onHost: true,
        record: () => void selectRowsCpu(bytes, s.dtype, rows, cols, hostNorms, hostCounts),
      },
      { name: 'gpu from known ranks', record: () => ranksToMask(rec, onGpu, counts, mask) },
    ]);
    await suite.time(`score and rank rows ${label}`, moved, [
      { name: 'cpu', onHost: true, record: () => void rowRanks(bytes, s.dtype, rows, cols, hostNorms) },
    ]);
    const index = Math.trunc(rows * cols * 0.7);
    await suite.time(`select matrix ${label}`, moved, [
      { name: 'gpu', record: () => selectMatrix(rec, weight, null, { rule: 'inclusive', index }, mask) },
    ]);
    await suite.time(`select 2:4 ${label}`, moved, [
      { name: 'gpu', record: () => selectGroups(rec, weight, norms, { keep: 2, group: 4 }, mask) },
    ]);
    const copy = {
      ...weight,
      shards: [{ ...shard, buffer: suite.scope.alloc(shard.buffer.bytes, 'scratch', 'bench copy') }],
    };
    await suite.time(`mask ${label}`, { bytes: 2 * moved.bytes }, [
      { name: '', record: () => applyMask(rec, weight, mask, copy) },
    ]);
    const zeros = suite.scope.alloc(zeroPartials(weight) * 4, 'scratch', 'bench zeros');
    await suite.time(`count zeros ${label}`, moved, [
      { name: '', record: () => countZeros(rec, weight, null, zeros) },
    ]);

    const { tokens, hidden } = s;
    const [a, c] = [suite.act(tokens, hidden), suite.act(tokens, hidden, 2)];
    const sums = suite.scope.alloc(errorPartials(tokens * hidden) * 24, 'scratch', 'bench sums');
    await suite.time(`error sums ${tokens}x${hidden} (${s.model})`, { bytes: 8 * tokens * hidden }, [
      { name: 'cumulative', record: () => errorSums(rec, { a, c }, sums) },
      { name: 'all six', record: () => errorSums(rec, { a, b: a, c, d: c }, sums) },
    ]);
    const energies = suite.scope.alloc(energyChunks(tokens, 64) * hidden * 4, 'scratch', 'bench energies');
    await suite.time(
      `column energy ${tokens}x${hidden} (${s.model})`,
      { bytes: 4 * tokens * hidden },
      (['lane', 'group'] as const).map((variant) => ({
        name: variant,
        record: () => columnEnergy(rec, a, energies, { rowsPerChunk: 64, variant }),
      })),
    );
  });
}

export async function kernelsSuite(env: SuiteEnv): Promise<void> {
  for (const row of env.peaks.rows) env.emit(row);
  for (const s of env.quick ? [DEMO] : [SMOLLM2, DEMO]) {
    const kv = s.kvHeads * s.headDim;
    await product(env, 'q, o', s, s.heads * s.headDim, s.hidden);
    await product(env, 'k, v', s, kv, s.hidden);
    await product(env, 'gate, up', s, s.inner, s.hidden);
    await product(env, 'down', s, s.hidden, s.inner);
    await product(env, 'head, a piece', s, s.headRows, s.hidden);
    await forwardParts(env, s);
    await pruningParts(env, s);
  }
}
