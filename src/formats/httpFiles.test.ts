import { createServer, type Server, type ServerResponse, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { httpFiles } from './httpFiles';
import { httpSource, type HttpOptions } from './httpSource';

const DATA = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);

let server: Server;
let base = '';
let requests: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

function ranged(request: IncomingMessage, response: ServerResponse): void {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!match) return void response.writeHead(200, { 'content-length': DATA.length }).end(DATA);
  const [begin, end] = [Number(match[1]), Number(match[2]) + 1];
  response
    .writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${DATA.length}` })
    .end(DATA.subarray(begin, end));
}

const rangeless = (_: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(200, { 'content-length': DATA.length }).end(DATA);

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.headers.range ?? 'all');
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  answer = ranged;
});

const options: HttpOptions = { fetch: (url, init) => fetch(url, init), wait: () => Promise.resolve() };

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

describe('ranges', () => {
  test('only the asked bytes are fetched', async () => {
    const source = await httpSource('f', base, options);
    expect(source.size).toBe(DATA.length);
    expect(await source.read(1000, 1100)).toEqual(DATA.slice(1000, 1100));
    expect(await source.read(5, 5)).toEqual(new Uint8Array(0));
    expect(requests).toEqual(['bytes=0-0', 'bytes=1000-1099']);
  });

  test('a server that ignores ranges is streamed once for reads in order', async () => {
    answer = rangeless;
    const source = await httpSource('f', base, options);
    expect(await source.read(0, 8)).toEqual(DATA.slice(0, 8));
    const both = await Promise.all([source.read(100_000, 200_000), source.read(250_000, 300_000)]);
    expect(both).toEqual([DATA.slice(100_000, 200_000), DATA.slice(250_000, 300_000)]);
    expect(requests).toHaveLength(2);
    expect(await source.read(4, 6)).toEqual(DATA.slice(4, 6));
    expect(requests).toHaveLength(3);
  });

  test('a size that was promised but is not there', async () => {
    answer = (_, response) => void response.writeHead(200).end(DATA.subarray(0, 100));
    const source = await httpSource('f', base, { ...options, size: 1000 });
    const error = await failure(source.read(0, 1000));
    expect(error.kind).toBe('FetchError');
    expect(error.message).toContain('100 of 1000 bytes');
  });

  test('neither ranges nor a size: the body tells', async () => {
    answer = (_, response) => {
      response.write(DATA.subarray(0, 70));
      response.end();
    };
    const source = await httpSource('f', base, options);
    expect(source.size).toBe(70);
    expect(await source.read(60, 70)).toEqual(DATA.slice(60, 70));
  });
});

describe('failures', () => {
  test('a body cut short is tried again, then named', async () => {
    let cut = 2;
    answer = (request, response) => {
      if (request.headers.range === 'bytes=0-0' || cut-- <= 0) {
        ranged(request, response);
        return;
      }
      const begin = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, {
        'content-range': `bytes ${begin}-99/${DATA.length}`,
        'content-length': 100 - begin,
      });
      response.write(DATA.subarray(begin, begin + 20), () => response.destroy());
    };
    const source = await httpSource('f', base, options);
    expect(await source.read(0, 100)).toEqual(DATA.slice(0, 100));
    cut = 100;
    expect((await failure(source.read(0, 100))).message).toMatch(
      /f: the connection broke|f: the server sent \d+ of 100/,
    );
    // Each try goes on where the one before it broke off.
    expect(requests.slice(0, 3)).toEqual(['bytes=0-0', 'bytes=0-99', 'bytes=20-99']);
  });

  test('a server that sends more than asked, or another range', async () => {
    const source = await httpSource('f', base, options);
    answer = (_, response) =>
      void response
        .writeHead(206, { 'content-range': `bytes 0-9/${DATA.length}` })
        .end(DATA.subarray(0, 1000));
    expect((await failure(source.read(0, 10))).message).toContain('more than 10 bytes');
    expect((await failure(source.read(5, 15))).message).toContain('another range');
  });

  test.each([
    [404, 'not found', 1],
    [403, 'access refused', 1],
    [429, 'too many requests', 4],
    [503, 'the server failed', 4],
  ])('HTTP %i', async (status, message, tries) => {
    answer = (_, response) => void response.writeHead(status).end('no');
    const error = await failure(httpSource('f', base, options));
    expect(error).toMatchObject({ kind: 'FetchError', exitCode: 2 });
    expect(error.message).toContain(message);
    expect(requests).toHaveLength(tries);
  });

  test('no server', async () => {
    const error = await failure(httpSource('f', 'http://127.0.0.1:1/', options));
    expect(error.message).toContain('cannot be reached');
  });

  test('cancelling', async () => {
    const cancel = new AbortController();
    answer = (request, response) =>
      request.headers.range === 'bytes=0-0' ? ranged(request, response) : cancel.abort();
    const source = await httpSource('f', base, options);
    expect((await failure(source.read(0, 10, cancel.signal))).kind).toBe('CancelledError');
  });
});

test('a folder: small files at once, weights by range', async () => {
  answer = (request, response) => {
    if (request.url === '/m/config.json') response.end('{}');
    else if (request.url === '/m/model.safetensors') ranged(request, response);
    else response.writeHead(404).end();
  };
  const request = { ...options, name: 'm', baseUrl: `${base}m`, paths: ['config.json', 'model.safetensors'] };
  const files = await httpFiles(request);
  expect(files.paths).toEqual([
    { path: 'config.json', size: 2 },
    { path: 'model.safetensors', size: DATA.length },
  ]);
  expect(await (await files.open('model.safetensors')).read(7, 9)).toEqual(DATA.slice(7, 9));
  expect((await failure(files.open('other'))).kind).toBe('FetchError');
  const missing = await failure(httpFiles({ ...request, paths: ['absent.json'] }));
  expect(missing.message).toContain('absent.json: not found');
});
