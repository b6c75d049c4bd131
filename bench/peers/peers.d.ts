/**
 * The few functions of the peers that the comparison calls. Declared here because the packages are installed on demand
 * only, and the sources must type-check without them.
 */

declare module 'onnxruntime-web/webgpu' {
  export * from 'onnxruntime-web/wasm';
}

declare module 'onnxruntime-web/wasm' {
  export class Tensor {
    constructor(type: 'float32', data: Float32Array, dims: readonly number[]);
    static fromGpuBuffer(
      buffer: GPUBuffer,
      options: { dataType: 'float32'; dims: readonly number[] },
    ): Tensor;
    readonly data: Float32Array;
    readonly gpuBuffer: GPUBuffer;
    readonly dims: readonly number[];
    dispose(): void;
  }
  export interface Session {
    run(feeds: Record<string, Tensor>, fetches?: readonly string[]): Promise<Record<string, Tensor>>;
    release(): Promise<void>;
  }
  export const InferenceSession: {
    create(model: Uint8Array, options: Record<string, unknown>): Promise<Session>;
  };
  export const env: {
    logLevel: string;
    wasm: { wasmPaths?: { mjs: string; wasm: string }; numThreads?: number };
    webgpu: { device: Promise<GPUDevice> };
  };
}

declare module '@tensorflow/tfjs-core' {
  export interface Tensor {
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function setBackend(name: string): Promise<boolean>;
  export function ready(): Promise<void>;
  export function getBackend(): string;
  export function tensor(values: Float32Array, shape: readonly number[]): Tensor;
  export function matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  export function transpose(x: Tensor, order: readonly number[]): Tensor;
  export function reshape(x: Tensor, shape: readonly number[]): Tensor;
  export function slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
  export function add(a: Tensor, b: Tensor): Tensor;
  export function mul(a: Tensor, b: Tensor | number): Tensor;
  export function softmax(x: Tensor): Tensor;
  export function tidy<T>(work: () => T): T;
}

declare module '@tensorflow/tfjs-backend-webgpu' {}

declare module '@jax-js/jax' {
  export interface Array {
    readonly ref: Array;
    reshape(shape: readonly number[]): Array;
    slice(...index: number[]): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function init(...devices: string[]): Promise<string[]>;
  export function defaultDevice(device: string): string;
  export function jit(f: (...inputs: Array[]) => Array): (...inputs: Array[]) => Array;
  export function blockUntilReady(x: Array): Promise<Array>;
  export const numpy: {
    array(values: Float32Array): Array;
    matmul(a: Array, b: Array): Array;
  };
  export const nn: {
    dotProductAttention(q: Array, k: Array, v: Array, options: { isCausal: boolean }): Array;
  };
}

declare module '@huggingface/transformers' {
  export class Tensor {
    constructor(type: string, data: BigInt64Array, dims: readonly number[]);
    readonly data: Float32Array;
  }
  export interface CausalModel {
    (inputs: Record<string, Tensor>): Promise<{ logits: Tensor }>;
    dispose(): Promise<unknown>;
  }
  export const AutoModelForCausalLM: {
    from_pretrained(name: string, options: Record<string, unknown>): Promise<CausalModel>;
  };
  export const env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    useBrowserCache: boolean;
    useWasmCache: boolean;
    backends: {
      onnx: { wasm: { wasmPaths?: { mjs: string; wasm: string }; numThreads?: number } };
    };
  };
}
