// @ts-check
// Serves a folder until it is stopped: node scripts/serve.js [folder] [port]. The end-to-end tests serve dist/ so.
import { resolve } from 'node:path';
import { inRoot } from './lib/paths.js';
import { fail } from './lib/say.js';
import { serveFolder } from './lib/staticServer.js';

const [folder, port] = process.argv.slice(2);
try {
  const server = await serveFolder({
    root: folder ? resolve(folder) : inRoot('dist'),
    port: Number(port ?? 0),
  });
  console.log(server.url);
} catch (error) {
  fail(error);
}
