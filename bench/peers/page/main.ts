/**
 * The page of the comparison: for each case, ours and every peer are prepared and checked, then take turns on the same
 * adapter. A row for each peer, with our figures and its own; a peer that fails leaves its error in its row.
 */
import { deviceName } from '../../../src/bench/device';
import { interleave, type Timing, type Variant } from '../../../src/bench/measure';
import { errorRow, makeRow, withPeer, type BenchRow, type Work } from '../../../src/bench/row';
import { ENGINE_VERSION } from '../../../src/core/version';
import { GpuContext } from '../../../src/gpu/context';
import { checkedRun, verify, type Contender } from './contender';
import {
  LOGIT_TOLERANCE,
  oursForward,
  transformersJs,
  verifyLogits,
  type ForwardContender,
  type Reference,
} from './forward';
import { jax } from './jax';
import { ortWasm, ortWebgpu } from './ort';
import { ours } from './ours';
import { attentionProblem, matmulProblem, type Input, type Problem } from './problems';
import { tfjs } from './tfjs';

export interface PageOptions {
  /** Small shapes, two repetitions. */
  quick: boolean;
  /** Versions of the packages, by name. */
  versions: Record<string, string>;
  /** Why there is no ONNX export of the demo model, where there is none. */
  noExport?: string;
}

declare global {
  interface Window {
    comparePeers: (options: PageOptions) => Promise<void>;
    /** Bindings of the script that opened the page. */
    emitRow: (row: BenchRow) => Promise<void>;
    note: (text: string) => Promise<void>;
  }
}

/** Goals of ours against the providers that run on the same adapter, where that is a software adapter. */
const MATMUL_GOAL = 6;
const FORWARD_GOAL = 4;
const REPS = 5;
/** Runs shorter than this are repeated inside a sample. */
const SAMPLE_MS = 30;
const FORWARD_TOKENS = 128;

/** SmolLM2-135M's products, and its attention with as many key heads as query heads, which every peer can do. */
function problems(quick: boolean): Problem[] {
  if (quick) return [matmulProblem('quick', 64, 64, 64), attentionProblem(32, 2, 32)];
  return [
    matmulProblem('SmolLM2-135M down', 512, 576, 1536),
    matmulProblem('SmolLM2-135M gate, up', 512, 1536, 576),
    matmulProblem('SmolLM2-135M q, o', 256, 576, 576),
    matmulProblem('SmolLM2-135M head, a piece', 256, 2048, 576),
    attentionProblem(256, 9, 64),
  ];
}

interface Entrant {
  name: string;
  version: string;
  processor: boolean;
  withoutGoal?: true;
  /** Why it takes no turns (any more). */
  error?: string;
  variant?: Variant;
  note?: string;
  close: () => Promise<void>;
}

const messageOf = (error: unknown): string => {
  const { message } = error instanceof Error ? error : { message: String(error) };
  return message.replace(/\s+/g, ' ').trim().slice(0, 300) || 'it failed without a word';
};

/** A variant that, where it fails, notes why and stops taking turns: the others go on. */
function guarded(entrant: Entrant, runMany: (call: number, repeats: number) => Promise<unknown>): Variant {
  let calls = 0;
  const attempt = async (repeats: number): Promise<void> => {
    if (entrant.error !== undefined) return;
    try {
      await runMany(calls++, repeats);
    } catch (error) {
      entrant.error = messageOf(error);
    }
  };
  return { name: entrant.name, run: () => attempt(1), runMany: attempt };
}

interface Opened {
  run: (call: number, repeats: number) => Promise<unknown>;
  close: () => Promise<void>;
  note?: string;
}

async function entrantOf(
  named: Pick<Entrant, 'name' | 'version' | 'processor' | 'withoutGoal'>,
  open: () => Promise<Opened>,
): Promise<Entrant> {
  const { name, version, processor, withoutGoal } = named;
  const entrant: Entrant = { name, version, processor, withoutGoal, close: () => Promise.resolve() };
  void window.note(`  preparing ${name}`);
  try {
    const { run, close, note } = await open();
    entrant.close = close;
    entrant.note = note;
    entrant.variant = guarded(entrant, run);
  } catch (error) {
    entrant.error = messageOf(error);
  }
  return entrant;
}

const inputOf = (call: number): Input => (call % 2 === 0 ? 0 : 1);

/** Turns of one case and its rows: the first entrant is ours. */
async function compete(
  entrants: Entrant[],
  where: Pick<BenchRow, 'suite' | 'case' | 'device'>,
  work: Work,
  options: { quick: boolean; goal?: number },
): Promise<void> {
  const [mine, ...peers] = entrants;
  try {
    const able = entrants.filter((e) => e.error === undefined);
    const variants = able.flatMap((e) => e.variant ?? []);
    const timings = await interleave(variants, {
      reps: options.quick ? 2 : REPS,
      sampleMs: options.quick ? 0 : SAMPLE_MS,
    });
    const timingOf = (e: Entrant): Timing | undefined => timings[able.indexOf(e)];
    const myTiming = mine && timingOf(mine);
    const row =
      myTiming && mine.error === undefined
        ? makeRow(where, myTiming, work)
        : errorRow(where, mine?.error ?? 'not run');
    for (const peer of peers) {
      const timing = peer.error === undefined ? timingOf(peer) : undefined;
      await window.emitRow(
        withPeer(
          row,
          peer,
          timing ?? { error: peer.error ?? 'not run' },
          peer.processor || peer.withoutGoal ? undefined : options.goal,
        ),
      );
    }
  } finally {
    for (const e of entrants) await e.close().catch(() => undefined);
  }
}

async function kernelCases(ctx: GpuContext, options: PageOptions): Promise<void> {
  const version = (name: string): string => options.versions[name] ?? 'unknown';
  const threads = navigator.hardwareConcurrency;
  const contenders: Contender[] = [
    ours(ctx, ENGINE_VERSION),
    ortWebgpu(version('onnxruntime-web')),
    ortWasm(version('onnxruntime-web'), 1),
    ...(threads > 1 ? [ortWasm(version('onnxruntime-web'), threads)] : []),
    tfjs(version('@tensorflow/tfjs-backend-webgpu')),
    jax(version('@jax-js/jax')),
  ];
  for (const problem of problems(options.quick)) {
    void window.note(problem.title);
    const entrants: Entrant[] = [];
    for (const contender of contenders) {
      entrants.push(
        await entrantOf(contender, async () => {
          const prepared = await contender.prepare(problem);
          await verify(prepared, problem);
          return {
            run: (call, repeats) => checkedRun(prepared, problem, inputOf(call), repeats),
            close: () => prepared.close(),
            note: prepared.note,
          };
        }),
      );
    }
    const hasGoal = ctx.record.software && !options.quick && problem.kind === 'matmul';
    const where = { suite: 'kernels', case: problem.title, device: deviceName(ctx.record) };
    await compete(
      entrants,
      where,
      { flops: problem.flops, bytes: problem.bytes },
      {
        ...options,
        goal: hasGoal ? MATMUL_GOAL : undefined,
      },
    );
  }
}

/** Ids that need no tokenizer, where there is no export that brings its own. */
function anyWindows(): number[][] {
  return [3, 5].map((step) => Array.from({ length: FORWARD_TOKENS }, (_, i) => 1 + ((i * step * 97) % 4000)));
}

async function forwardCase(ctx: GpuContext, options: PageOptions): Promise<void> {
  void window.note('forward, demo');
  const reference = options.noExport
    ? undefined
    : ((await (await fetch('models/demo/reference.json')).json()) as Reference);
  const windows = (reference?.windows ?? anyWindows()).map((w) => (options.quick ? w.slice(0, 16) : w));
  const tokens = windows[0]?.length ?? 0;
  const version = options.versions['@huggingface/transformers'] ?? 'unknown';
  const contenders: ForwardContender[] = [
    oursForward(ctx, ENGINE_VERSION),
    transformersJs(version, 'webgpu'),
    transformersJs(version, 'wasm'),
  ];
  const entrants: Entrant[] = [];
  for (const [index, contender] of contenders.entries()) {
    entrants.push(
      await entrantOf(contender, async () => {
        if (index > 0 && options.noExport) throw new Error(options.noExport);
        const prepared = await contender.prepare(windows);
        const tolerance = index === 0 ? LOGIT_TOLERANCE.ours : LOGIT_TOLERANCE.peer;
        const checked = async (input: Input): Promise<void> => {
          const logits = await prepared.run(input);
          if (reference) verifyLogits(logits, input, tokens, reference, tolerance);
        };
        await checked(0);
        await checked(1);
        return {
          run: async (call, repeats) => {
            for (let i = 0; i < repeats; i++) await checked(inputOf(call));
          },
          close: () => prepared.close(),
        };
      }),
    );
  }
  const where = {
    suite: 'forward',
    case: `demo, ${tokens} tokens, ids to logits`,
    device: deviceName(ctx.record),
  };
  await compete(
    entrants,
    where,
    { tokens },
    { ...options, goal: ctx.record.software && !options.quick ? FORWARD_GOAL : undefined },
  );
}

window.comparePeers = async (options) => {
  const ctx = await GpuContext.open(navigator.gpu, { backend: 'chrome' });
  try {
    await kernelCases(ctx, options);
    await forwardCase(ctx, options);
  } finally {
    ctx.close();
  }
};
document.documentElement.dataset['ready'] = 'yes';
