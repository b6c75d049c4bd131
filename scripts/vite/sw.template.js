/* eslint-disable */
// Makes the page work without a network after the first visit. Written by scripts/vite/serviceWorker.js at build time,
// which fills in the two lists.
//
// Shell (page, scripts, styles): kept at installation. The page itself is asked from the network first, so a new
// deployment shows at once; all other shell files have a hash in their name and never change.
// Data (demo model, text): kept whole when the page says so or when first asked for, under the hash of their content.
const SHELL = /* shell */ {};
const DATA = /* data */ {};

const scope = self.registration.scope;
const prefix = `prunelab ${scope} `;
const shellName = `${prefix}shell ${SHELL.version}`;
const dataName = `${prefix}data ${DATA.version}`;
const absolute = (path) => new URL(path, scope).href;
const shellFiles = new Set(SHELL.files.map(absolute));
const dataFiles = new Set(DATA.files.map(absolute));
const index = absolute('index.html');

/** A newer page than this worker was seen: stay out of its way until its own worker takes over. */
let outdated = false;

self.addEventListener('install', (event) => {
  const fill = async () => {
    const cache = await caches.open(shellName);
    // 'no-cache': a stale copy in the HTTP cache would be kept for good.
    await cache.addAll([...shellFiles].map((url) => new Request(url, { cache: 'no-cache' })));
    await self.skipWaiting();
  };
  event.waitUntil(fill());
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(prefix) && name !== shellName && name !== dataName) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener('message', (event) => {
  if (event.data !== 'keep-data') return;
  event.waitUntil(Promise.all([...dataFiles].map(whole)).catch(() => undefined));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  if (request.method !== 'GET' || !url.startsWith(scope) || request.cache === 'no-store') return;
  if (request.mode === 'navigate' && (url === scope || url === index)) event.respondWith(page(request));
  else if (outdated) return;
  else if (url !== index && shellFiles.has(url)) event.respondWith(shell(url, request));
  else if (dataFiles.has(url)) event.respondWith(data(url, request));
});

async function page(request) {
  const kept = await (await caches.open(shellName)).match(index);
  try {
    const fresh = await fetch(request);
    if (!fresh.ok) return kept ?? fresh;
    if (kept) outdated = (await fresh.clone().text()) !== (await kept.clone().text());
    return fresh;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

async function shell(url, request) {
  return (await (await caches.open(shellName)).match(url)) ?? fetch(request);
}

/** Downloads in progress, so that ten ranges of a file cost one download. */
const pending = new Map();

/** The whole file, from the cache or kept there now. */
async function whole(url) {
  const cache = await caches.open(dataName);
  const kept = await cache.match(url);
  if (kept) return kept;
  let download = pending.get(url);
  if (!download) {
    download = (async () => {
      const response = await fetch(url, { cache: 'no-cache' });
      if (response.status !== 200) throw new Error(`${url}: HTTP ${response.status}`);
      await cache.put(url, response);
    })().finally(() => pending.delete(url));
    pending.set(url, download);
  }
  await download;
  const stored = await cache.match(url);
  if (!stored) throw new Error(`${url}: not kept`);
  return stored;
}

async function data(url, request) {
  let full;
  try {
    full = await whole(url);
  } catch {
    return fetch(request); // no room, or no network: the answer is the network's
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get('range') ?? '');
  if (!range) return full;
  const blob = await full.blob();
  const begin = Number(range[1]);
  const end = Math.min(range[2] ? Number(range[2]) + 1 : blob.size, blob.size);
  if (begin >= end)
    return new Response(null, { status: 416, headers: { 'Content-Range': `bytes */${blob.size}` } });
  return new Response(blob.slice(begin, end), {
    status: 206,
    headers: {
      'Content-Range': `bytes ${begin}-${end - 1}/${blob.size}`,
      'Content-Length': String(end - begin),
      'Content-Type': full.headers.get('Content-Type') ?? 'application/octet-stream',
    },
  });
}
