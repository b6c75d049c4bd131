// @ts-check
// A lock between processes: a folder, since making one either succeeds or fails as a whole on every file system.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE } from './paths.js';
import { say } from './say.js';

const HEARTBEAT_MS = 5_000;
/** Older than this without a heartbeat: its owner is gone (it ran on another host, or its pid was reused). */
const STALE_MS = 60_000;
const POLL_MS = 150;

/** @param {string} folder */
function owner(folder) {
  try {
    const { pid, host } = JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8'));
    return { pid: Number(pid), host: String(host) };
  } catch {
    return undefined; // being made, or being removed
  }
}

/**
 * Identity of a lock whose owner is gone, undefined while it is alive (or has just been released).
 * @param {string} folder
 */
function staleLock(folder) {
  let stat;
  try {
    stat = statSync(folder);
  } catch {
    return undefined;
  }
  const holder = owner(folder);
  if (holder?.host === hostname()) {
    try {
      process.kill(holder.pid, 0);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return stat.ino;
    }
  }
  return Date.now() - stat.mtimeMs > STALE_MS ? stat.ino : undefined;
}

/**
 * Removes exactly that lock. Another waiter may have removed it first and taken the lock: that one is put back.
 * @param {string} folder
 * @param {number} ino
 */
function removeStale(folder, ino) {
  const aside = `${folder}.${process.pid}`;
  try {
    renameSync(folder, aside);
    if (statSync(aside).ino !== ino) renameSync(aside, folder);
  } catch {
    // Somebody else was quicker.
  }
  rmSync(aside, { recursive: true, force: true });
}

/**
 * Runs `work` while no other process holds the lock of this name; waits for its turn.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, work) {
  mkdirSync(CACHE, { recursive: true });
  const folder = join(CACHE, `${name}.lock`);
  for (let told = false; ;) {
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const stale = staleLock(folder);
    if (stale !== undefined) {
      removeStale(folder, stale);
      continue;
    }
    if (!told) say(`Waiting for another process (${owner(folder)?.pid ?? 'starting'}) that holds ${folder}…`);
    told = true;
    await sleep(POLL_MS);
  }
  const release = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', release);
  const heartbeat = setInterval(() => {
    try {
      const now = new Date();
      utimesSync(folder, now, now);
    } catch {
      // Removed from outside; nothing to keep alive.
    }
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    writeFileSync(join(folder, 'owner.json'), JSON.stringify({ pid: process.pid, host: hostname() }));
    return await work();
  } finally {
    clearInterval(heartbeat);
    process.off('exit', release);
    release();
  }
}
