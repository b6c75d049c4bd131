/** onnxruntime-web's WebAssembly provider, away from the page's thread, as a page that cares would use it. */
import * as ort from 'onnxruntime-web/wasm';
import type { Input } from './problems';

export type CpuRequest =
  | {
      do: 'open';
      threads: number;
      paths: { mjs: string; wasm: string };
      model: Uint8Array;
      dims: number[];
      inputs: Record<string, readonly [Float32Array, Float32Array]>;
    }
  | { do: 'run'; input: Input }
  | { do: 'output' };

export interface CpuReply {
  error?: string;
  last?: number;
  values?: Float32Array;
}

let session: ort.Session | undefined;
let feeds: Record<string, ort.Tensor>[] = [];
let values: Float32Array | undefined;

async function answer(request: CpuRequest): Promise<CpuReply> {
  if (request.do === 'open') {
    ort.env.logLevel = 'error';
    ort.env.wasm.wasmPaths = request.paths;
    ort.env.wasm.numThreads = request.threads;
    session = await ort.InferenceSession.create(request.model, { executionProviders: ['wasm'] });
    feeds = [0, 1].map((input) =>
      Object.fromEntries(
        Object.entries(request.inputs).map(([name, pair]) => [
          name,
          new ort.Tensor('float32', pair[input as Input], request.dims),
        ]),
      ),
    );
    return {};
  }
  if (request.do === 'run') {
    const { y } = (await session?.run(feeds[request.input] ?? {}, ['y'])) ?? {};
    values = y?.data;
    return { last: values?.at(-1) };
  }
  return { values };
}

self.onmessage = ({ data }: MessageEvent<CpuRequest>) => {
  answer(data).then(
    (reply) => self.postMessage(reply),
    (error: unknown) => self.postMessage({ error: error instanceof Error ? error.message : String(error) }),
  );
};
