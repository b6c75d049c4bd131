/** Model files under one address with a known list of names: the bundled demo model, or any static host. */
import { LabError } from '../core/errors';
import { httpSource, httpWhole, type HttpOptions } from './httpSource';
import type { ByteSource, ModelFiles } from './source';

/** Everything but weights is fetched whole: small, and often compressed in transit, where ranges do not work. */
const MAX_SMALL_BYTES = 64 << 20;

export interface HttpFilesRequest extends HttpOptions {
  name: string;
  /** The folder's address; a missing slash at the end is added. */
  baseUrl: string;
  paths: readonly string[];
}

/** Small files are read at once, weight files only asked for their size. FetchError names what cannot be had. */
export async function httpFiles(request: HttpFilesRequest): Promise<ModelFiles> {
  const base = request.baseUrl.endsWith('/') ? request.baseUrl : `${request.baseUrl}/`;
  const sources = new Map<string, ByteSource>();
  await Promise.all(
    request.paths.map(async (path) => {
      const url = base + path.split('/').map(encodeURIComponent).join('/');
      const options = { ...request, size: undefined };
      const source = path.endsWith('.safetensors')
        ? await httpSource(path, url, options)
        : await httpWhole(path, url, MAX_SMALL_BYTES, options);
      sources.set(path, source);
    }),
  );
  return {
    name: request.name,
    paths: request.paths.map((path) => ({ path, size: sources.get(path)?.size ?? 0 })),
    open(path) {
      const source = sources.get(path);
      if (!source) return Promise.reject(new LabError('FetchError', `${request.name}: no file ${path}.`));
      return Promise.resolve(source);
    },
  };
}

/** The demo model's files, as they lie under `models/demo/` of the page. */
export const DEMO_FILES: readonly string[] = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'README.md',
];
