/** The fixtures' files in Node and in a browser alike. */
import { memorySource, type ModelFiles } from '../formats/source';
import { readSafetensorsHeader } from '../formats/safetensors';
import { toF32 } from '../core/dtypes';
import { inNode } from './setupGpu';

const URLS = import.meta.glob<string>(
  ['./fixtures/*/*.{json,safetensors,gguf}', '../../public/models/demo/*.{json,safetensors}'],
  {
    query: '?url',
    import: 'default',
    eager: true,
  },
);

async function bytesOf(path: string): Promise<Uint8Array> {
  const url = URLS[path];
  if (url === undefined) throw new Error(`there is no fixture ${path}`);
  if (!inNode) return new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(new URL(path, import.meta.url)));
}

const folderOf = (name: string): string =>
  name === 'demo-model' ? '../../public/models/demo' : `./fixtures/${name}`;

/** One file of a fixture; 'demo-model' is the model that ships with the lab. */
export function fixtureBytes(name: string, file: string): Promise<Uint8Array> {
  return bytesOf(`${folderOf(name)}/${file}`);
}

export async function fixtureJson<T>(name: string, file: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await fixtureBytes(name, file))) as T;
}

/** Fixtures with expected outputs, the demo model's under 'demo'. */
export const FORWARD_FIXTURES: readonly string[] = Object.keys(URLS)
  .map((path) => /^\.\/fixtures\/([^/]+)\/expected\.safetensors$/.exec(path)?.[1])
  .filter((name) => name !== undefined)
  .sort();

const NOT_MODEL = new Set([
  'expected.safetensors',
  'masks.safetensors',
  'norms.safetensors',
  'statistics.safetensors',
  'pruning.json',
  'layer.json',
  'config.other.json',
]);

/** A fixture as a model folder. `replace` swaps the bytes of a file. */
export async function fixtureModel(
  name: string,
  replace: Record<string, Uint8Array> = {},
): Promise<ModelFiles> {
  const prefix = `${folderOf(name)}/`;
  const paths = Object.keys(URLS).filter(
    (p) => p.startsWith(prefix) && !NOT_MODEL.has(p.slice(prefix.length)),
  );
  const files = new Map<string, Uint8Array>();
  for (const path of paths) {
    const file = path.slice(prefix.length);
    files.set(file, replace[file] ?? (await bytesOf(path)));
  }
  return {
    name,
    paths: [...files].map(([path, bytes]) => ({ path, size: bytes.byteLength })),
    open: (path) => Promise.resolve(memorySource(path, files.get(path) ?? new Uint8Array())),
  };
}

export interface FixtureTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** All tensors of a fixture's safetensors file. */
export async function fixtureTensors(name: string, file: string): Promise<Map<string, FixtureTensor>> {
  const bytes = await fixtureBytes(name, file);
  const { tensors } = await readSafetensorsHeader(memorySource(file, bytes));
  return new Map(
    tensors.map((t) => [t.name, { dtype: t.dtype, shape: t.shape, bytes: bytes.slice(t.begin, t.end) }]),
  );
}

export function f32(tensor: FixtureTensor | undefined): Float32Array {
  if (tensor?.dtype !== 'F32') throw new Error('not an F32 tensor of the fixture');
  return toF32(tensor.bytes, 'F32');
}

export function i32(tensor: FixtureTensor | undefined): Int32Array {
  if (tensor?.dtype !== 'I32') throw new Error('not an I32 tensor of the fixture');
  return new Int32Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength / 4);
}
