/** Where an export goes: a folder that the user picked, or staging that downloads are made from. */
import { LabError } from '../../core/errors';
import type { ExportSink } from '../../session/protocol';

/** A sink whose files can be had back, to make downloads of them. */
export interface StagedSink extends ExportSink {
  file(path: string): Promise<Blob>;
  /** Lets go of the staged bytes. */
  dispose(): Promise<void>;
}

const STAGING = 'prunelab-export';

function unreadable(path: string, cause: unknown): LabError {
  return new LabError('FetchError', `${path} could not be written or read back.`, 'Check the free space and the permission, then export again.', { cause }); // prettier-ignore
}

/** Every name in an export is one path segment; anything else is refused. */
function checkName(path: string): void {
  if (!/^[\w][\w.-]*$/.test(path))
    throw new LabError('VerifyError', `"${path}" is no file name of an export.`);
}

/** Writes into a directory handle (a picked folder, or one in the origin's private file system). */
export function directorySink(directory: FileSystemDirectoryHandle): StagedSink {
  const open = new Map<string, FileSystemWritableFileStream>();
  const written = new Set<string>();
  const guard = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    checkName(path);
    try {
      return await work();
    } catch (cause) {
      throw cause instanceof LabError ? cause : unreadable(path, cause);
    }
  };
  const fileOf = async (path: string): Promise<File> => (await directory.getFileHandle(path)).getFile();
  const remove = async (): Promise<void> => {
    for (const stream of open.values()) await stream.abort().catch(() => undefined);
    open.clear();
    for (const path of written) await directory.removeEntry(path).catch(() => undefined);
    written.clear();
  };
  return {
    create: (path) =>
      guard(path, async () => {
        const handle = await directory.getFileHandle(path, { create: true });
        written.add(path);
        open.set(path, await handle.createWritable());
      }),
    write: (path, bytes) =>
      guard(path, async () => {
        await open.get(path)?.write(bytes as Uint8Array<ArrayBuffer>);
      }),
    close: (path) =>
      guard(path, async () => {
        await open.get(path)?.close();
        open.delete(path);
      }),
    size: (path) => guard(path, async () => (await fileOf(path)).size),
    read: (path, begin, end) =>
      guard(path, async () => new Uint8Array(await (await fileOf(path)).slice(begin, end).arrayBuffer())),
    abort: remove,
    file: (path) => guard(path, () => fileOf(path)),
    dispose: remove,
  };
}

/** Keeps the files in memory as blobs: for browsers without a private file system. */
export function memorySink(): StagedSink {
  const parts = new Map<string, Uint8Array<ArrayBuffer>[]>();
  const whole = (path: string): Blob => {
    const known = parts.get(path);
    if (!known) throw unreadable(path, undefined);
    return new Blob(known);
  };
  const clear = (): Promise<void> => {
    parts.clear();
    return Promise.resolve();
  };
  return {
    create: (path) => {
      checkName(path);
      parts.set(path, []);
      return Promise.resolve();
    },
    write: (path, bytes) => {
      parts.get(path)?.push(bytes as Uint8Array<ArrayBuffer>);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    size: (path) => Promise.resolve(whole(path).size),
    read: async (path, begin, end) => new Uint8Array(await whole(path).slice(begin, end).arrayBuffer()),
    abort: clear,
    file: (path) => Promise.resolve(whole(path)),
    dispose: clear,
  };
}

/** Staging on disk where the browser has it, else in memory. What an earlier export left is removed first. */
export async function stagingSink(): Promise<StagedSink> {
  try {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(STAGING, { recursive: true }).catch(() => undefined);
    const directory = await root.getDirectoryHandle(STAGING, { create: true });
    const probe = await directory.getFileHandle('probe', { create: true });
    await (await probe.createWritable()).close(); // not every browser can write here from the page
    await directory.removeEntry('probe');
    return directorySink(directory);
  } catch {
    return memorySink();
  }
}

/** A new, empty folder `<name>-pruned` in one that the user picks; null when the picker was closed. */
export async function pickedFolderSink(
  name: string,
): Promise<{ sink: StagedSink; folder: string; undo: () => Promise<void> } | null> {
  const picker = (
    window as { showDirectoryPicker?: (options: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle> }
  ).showDirectoryPicker;
  if (!picker) return null;
  let parent: FileSystemDirectoryHandle;
  try {
    parent = await picker.call(window, { mode: 'readwrite' });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') return null;
    throw cause;
  }
  const folder = await freeName(parent, `${name}-pruned`);
  const directory = await parent.getDirectoryHandle(folder, { create: true });
  const undo = (): Promise<void> => parent.removeEntry(folder).catch(() => undefined);
  return { sink: directorySink(directory), folder: `${parent.name}/${folder}`, undo };
}

/** The name, or the name with a number, that is not taken: an export never writes over anything. */
async function freeName(parent: FileSystemDirectoryHandle, name: string): Promise<string> {
  const taken = new Set<string>();
  for await (const key of parent.keys()) taken.add(key);
  if (!taken.has(name)) return name;
  for (let i = 2; ; i++) if (!taken.has(`${name}-${i}`)) return `${name}-${i}`;
}
