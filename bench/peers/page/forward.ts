/** Whole forward passes of the demo model, ids in and logits of every position out: ours, and transformers.js. */
import { LabError } from '../../../src/core/errors';
import { DEMO_FILES, httpFiles } from '../../../src/formats/httpFiles';
import type { GpuContext } from '../../../src/gpu/context';
import { Recorder } from '../../../src/gpu/recorder';
import { Lab } from '../../../src/session/lab';
import { windowOutputs } from '../../../src/session/logits';
import { wasmPaths } from './ort';
import type { Input } from './problems';

/** What export_onnx.py leaves beside the model: ids, and some of their logits by PyTorch in f64. */
export interface Reference {
  windows: number[][];
  /** Standard deviation of the logits, the unit of the tolerance. */
  deviation: number;
  samples: { window: number; position: number; token: number; logit: number }[];
}

export interface ForwardContender {
  name: string;
  version: string;
  processor: boolean;
  prepare(windows: readonly number[][]): Promise<PreparedForward>;
}

export interface PreparedForward {
  /** Logits [tokens, vocabulary] of a window, on the host. */
  run(input: Input): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Of logits, in units of their standard deviation: whole models in f32 against f64, and what a peer may approximate. */
export const LOGIT_TOLERANCE = { ours: 1e-4, peer: 1e-2 };

/** Throws where a logit differs from PyTorch's. */
export function verifyLogits(
  logits: Float32Array,
  input: Input,
  tokens: number,
  reference: Reference,
  tolerance: number,
): void {
  const vocabulary = logits.length / tokens;
  for (const { window, position, token, logit } of reference.samples) {
    if (window !== input || position >= tokens) continue;
    const got = logits[position * vocabulary + token] ?? NaN;
    if (!(Math.abs(got - logit) <= tolerance * reference.deviation))
      throw new Error(`the logit of token ${token} at position ${position} is ${got}, not ${logit}`);
  }
}

export function oursForward(ctx: GpuContext, version: string): ForwardContender {
  return {
    name: 'prunelab',
    version,
    processor: false,
    async prepare(windows) {
      const none = (): Promise<never> =>
        Promise.reject(new LabError('InternalError', 'The comparison gives ids.'));
      const demo = (): ReturnType<typeof httpFiles> =>
        httpFiles({
          name: 'demo',
          baseUrl: new URL('demo/', document.baseURI).href,
          paths: DEMO_FILES,
          fetch: (input, init) => fetch(input, init),
        });
      const lab = new Lab(ctx, { demo, bundledText: none, tokenizer: none });
      await lab.load(await demo(), { job: 0, emit: () => undefined }, 'demo');
      const { engine } = lab.loaded;
      const ids = windows.map((w) => Uint32Array.from(w));
      return {
        async run(input) {
          const window = ids[input] ?? new Uint32Array();
          const all = new Float32Array(window.length * engine.decoder.config.vocabulary);
          const rec = new Recorder(ctx);
          try {
            await windowOutputs(rec, engine, window, {
              logits: (begin, values) => all.set(values, begin * engine.decoder.config.vocabulary),
            });
          } finally {
            rec.close();
          }
          return all;
        },
        close() {
          lab.unload();
          return Promise.resolve();
        },
      };
    },
  };
}

export function transformersJs(version: string, device: 'webgpu' | 'wasm'): ForwardContender {
  return {
    name: `transformers.js ${device}`,
    version,
    processor: device === 'wasm',
    async prepare(windows) {
      const { AutoModelForCausalLM, Tensor, env } = await import('@huggingface/transformers');
      Object.assign(env, {
        allowRemoteModels: false,
        allowLocalModels: true,
        localModelPath: new URL('models/', document.baseURI).href,
        useBrowserCache: false,
        useWasmCache: false,
      });
      env.backends.onnx.wasm.wasmPaths = wasmPaths('ort-transformers', 'ort-wasm-simd-threaded.asyncify');
      if (crossOriginIsolated) env.backends.onnx.wasm.numThreads = navigator.hardwareConcurrency;
      const model = await AutoModelForCausalLM.from_pretrained('demo', { device, dtype: 'fp32' });
      const feeds = windows.map((w) => ({
        input_ids: new Tensor('int64', BigInt64Array.from(w, BigInt), [1, w.length]),
        attention_mask: new Tensor('int64', new BigInt64Array(w.length).fill(1n), [1, w.length]),
      }));
      return {
        run: async (input) => (await model(feeds[input] ?? {})).logits.data,
        async close() {
          await model.dispose();
        },
      };
    },
  };
}
