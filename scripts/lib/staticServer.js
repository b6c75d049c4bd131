// @ts-check
// A small static file server, as plain as the hosting that the page is made for: no special headers, no rewriting.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { SetupError } from './say.js';

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.gguf': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.safetensors': 'application/octet-stream',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.webp': 'image/webp',
  '.wgsl': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/**
 * The bytes that a Range header asks of a file: undefined for the whole file, null when they do not exist.
 * Several ranges at once are answered with the whole file, as the standard allows.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ begin: number, end: number } | null | undefined} end exclusive
 */
export function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (!match[1] && !match[2])) return undefined;
  const begin = match[1] ? Number(match[1]) : Math.max(0, size - Number(match[2]));
  const end = match[1] && match[2] ? Math.min(Number(match[2]) + 1, size) : size;
  return begin < end ? { begin, end } : null;
}

/**
 * Where a request path lies below `root`, or undefined when it lies outside or is malformed.
 * @param {string} root
 * @param {string} base with slashes at both ends
 * @param {string} url
 */
function locate(root, base, url) {
  let path;
  try {
    path = decodeURIComponent(url.split(/[?#]/)[0] ?? '');
  } catch {
    return undefined;
  }
  if (!path.startsWith(base) || path.includes('\0')) return undefined;
  const file = join(root, path.slice(base.length));
  return file === root || file.startsWith(root.endsWith(sep) ? root : root + sep) ? file : undefined;
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {string} root
 * @param {string} base
 */
async function answer(request, response, root, base) {
  const refuse = (/** @type {number} */ status, /** @type {string} */ text, headers = {}) => {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(405, 'Method not allowed', { Allow: 'GET, HEAD' });
  let file = locate(root, base, request.url ?? '/');
  let found = file ? await stat(file).catch(() => undefined) : undefined;
  if (file && found?.isDirectory()) {
    const path = (request.url ?? '/').split(/[?#]/)[0] ?? '/';
    // Without the slash, every relative address in the page would be off by one folder.
    if (!path.endsWith('/')) return refuse(301, 'Moved', { Location: `${path}/` });
    file = join(file, 'index.html');
    found = await stat(file).catch(() => undefined);
  }
  if (!file || !found?.isFile()) return refuse(404, 'Not found');

  const etag = `"${found.size.toString(16)}-${Math.round(found.mtimeMs).toString(16)}"`;
  const headers = {
    'Content-Type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-cache',
    ETag: etag,
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = parseRange(request.headers.range, found.size);
  if (range === null)
    return refuse(416, 'Range not satisfiable', { 'Content-Range': `bytes */${found.size}` });
  const { begin, end } = range ?? { begin: 0, end: found.size };
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Length': end - begin,
    ...(range ? { 'Content-Range': `bytes ${begin}-${end - 1}/${found.size}` } : {}),
  });
  if (request.method === 'HEAD' || begin === end) {
    response.end();
    return;
  }
  createReadStream(file, { start: begin, end: end - 1 })
    .on('error', () => response.destroy())
    .pipe(response);
}

/**
 * @typedef {{ url: string, port: number, close: () => Promise<void> }} StaticServer
 * Serves the folder `root` on 127.0.0.1. Port 0 takes a free one. Rejects with SetupError when the port is taken.
 * `onRequest` hears the path of each request.
 * @param {{ root: string, port?: number, base?: string, onRequest?: (path: string) => void }} options
 * @returns {Promise<StaticServer>}
 */
export function serveFolder({ root, port = 0, base = '/', onRequest }) {
  const server = createServer((request, response) => {
    onRequest?.((request.url ?? '/').split(/[?#]/)[0] ?? '/');
    answer(request, response, root, base).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      const taken = error.code === 'EADDRINUSE';
      const what = taken
        ? `Port ${port} of 127.0.0.1 is already in use.`
        : `Port ${port} could not be opened: ${error.message}.`;
      reject(new SetupError(what, `Choose another one, for example: PORT=${port + 1} npm start`));
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const taken = typeof address === 'object' && address ? address.port : port;
      resolve({
        url: `http://127.0.0.1:${taken}${base}`,
        port: taken,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
