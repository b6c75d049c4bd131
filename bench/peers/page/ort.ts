/** onnxruntime-web: its WebGPU provider in the page, operands and results on the GPU; its WebAssembly provider in a worker. */
import { fusedAttentionModel, matmulModel, plainAttentionModel } from '../onnx';
import { verify, type Contender, type Prepared } from './contender';
import type { CpuReply, CpuRequest } from './cpuWorker';
import type { Input, Problem } from './problems';

/** Where the page's server has the runtime's WebAssembly. */
export const wasmPaths = (folder: string, file: string): { mjs: string; wasm: string } => ({
  mjs: new URL(`${folder}/${file}.mjs`, document.baseURI).href,
  wasm: new URL(`${folder}/${file}.wasm`, document.baseURI).href,
});

interface Graph {
  model: Uint8Array<ArrayBuffer>;
  dims: number[];
  inputs: Record<string, readonly [Float32Array, Float32Array]>;
}

/** How the problem can be written as a graph, the best first. */
function graphsOf(problem: Problem): Graph[] {
  if (problem.kind === 'matmul') {
    const { m, n, k, x } = problem;
    return [{ model: matmulModel(m, n, k, problem.wTransposed), dims: [m, k], inputs: { x } }];
  }
  const { tokens, heads, headDim, q, k, v } = problem;
  return [fusedAttentionModel, plainAttentionModel].map((model) => ({
    model: model(tokens, heads, headDim),
    dims: [1, tokens, heads * headDim],
    inputs: { q: [q, q], k: [k, k], v },
  }));
}

/** The first graph that runs with right results: fused operators do not, on every adapter. */
async function firstRight(problem: Problem, open: (graph: Graph) => Promise<Prepared>): Promise<Prepared> {
  const failures: unknown[] = [];
  for (const graph of graphsOf(problem)) {
    let prepared: Prepared | undefined;
    try {
      prepared = await open(graph);
      await verify(prepared, problem);
      return failures.length > 0
        ? { ...prepared, note: `by standard operators; fused, ${String(failures[0])}` }
        : prepared;
    } catch (error) {
      failures.push(error);
      await prepared?.close();
    }
  }
  throw failures[0];
}

export function ortWebgpu(version: string): Contender {
  return {
    name: 'onnxruntime-web webgpu',
    version,
    processor: false,
    prepare: (problem) => firstRight(problem, (graph) => openWebgpu(problem, graph)),
  };
}

async function openWebgpu(problem: Problem, { model, dims, inputs }: Graph): Promise<Prepared> {
  const ort = await import('onnxruntime-web/webgpu');
  ort.env.logLevel = 'error';
  ort.env.wasm.wasmPaths = wasmPaths('ort', 'ort-wasm-simd-threaded.asyncify');
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const device = await ort.env.webgpu.device;
  const buffers: GPUBuffer[] = [];
  const onGpu = (data: Float32Array): InstanceType<typeof ort.Tensor> => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
  };
  const feeds = [0, 1].map((input) =>
    Object.fromEntries(Object.entries(inputs).map(([name, pair]) => [name, onGpu(pair[input as Input])])),
  );
  let result: InstanceType<typeof ort.Tensor> | undefined;
  const read = async (first: number, count: number): Promise<Float32Array> => {
    if (!result) throw new Error('nothing was run');
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = device.createBuffer({ size: count * 4, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(result.gpuBuffer, first * 4, staging, 0, count * 4);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return values;
  };
  return {
    async start(input) {
      result?.dispose();
      result = (await session.run(feeds[input] ?? {}, ['y']))['y'];
    },
    settle: async () => (await read(problem.count - 1, 1))[0] ?? NaN,
    output: () => read(0, problem.count),
    async close() {
      result?.dispose();
      await session.release();
      buffers.forEach((b) => b.destroy());
    },
  };
}

/** A worker of its own for each number of threads, which the runtime takes once. */
export function ortWasm(version: string, threads: number): Contender {
  return {
    name: `onnxruntime-web wasm, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
    version,
    processor: true,
    prepare: (problem) => firstRight(problem, (graph) => openWasm(threads, graph)),
  };
}

async function openWasm(threads: number, graph: Graph): Promise<Prepared> {
  if (threads > 1 && !crossOriginIsolated)
    throw new Error('the page is not cross-origin isolated: no shared memory for threads');
  const worker = new Worker(new URL('./cpuWorker.ts', import.meta.url), { type: 'module' });
  const call = (request: CpuRequest): Promise<CpuReply> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<CpuReply>) =>
        data.error === undefined ? resolve(data) : reject(new Error(data.error));
      worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
      worker.postMessage(request);
    });
  const paths = wasmPaths('ort', 'ort-wasm-simd-threaded');
  let last = NaN;
  try {
    await call({ do: 'open', threads, paths, ...graph });
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return {
    async start(input) {
      last = (await call({ do: 'run', input })).last ?? NaN;
    },
    settle: () => Promise.resolve(last),
    output: async () => (await call({ do: 'output' })).values ?? new Float32Array(),
    close() {
      worker.terminate();
      return Promise.resolve();
    },
  };
}
