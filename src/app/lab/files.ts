/** Files that were picked or dropped, as a request to load them. */
import type { ModelRequest } from '../../session/protocol';

export interface PickedFile {
  path: string;
  file: File;
}

/** What was picked in a file input, which is left empty, so that the same files can be picked again. */
export function takePicked(input: HTMLInputElement): PickedFile[] {
  const files = [...(input.files ?? [])].map((file) => ({
    path: file.webkitRelativePath || file.name,
    file,
  }));
  input.value = '';
  return files;
}

/** Paths relative to the folder that all files share; its name, or the weight file's, names the model. */
export function requestFromFiles(files: readonly PickedFile[]): ModelRequest {
  const folder = commonFolder(files.map(({ path }) => path));
  const relative = files.map(({ path, file }) => ({
    path: folder ? path.slice(folder.length + 1) : path,
    file,
  }));
  const weights = relative.find(({ path }) => /\.(safetensors|gguf)$/i.test(path));
  const name = folder?.split('/').at(-1) ?? weights?.path.replace(/\.(safetensors|gguf)$/i, '') ?? 'model';
  return { kind: 'files', name: name === 'model' ? 'local model' : name, files: relative };
}

function commonFolder(paths: readonly string[]): string | null {
  const first = paths[0]?.split('/').slice(0, -1) ?? [];
  let depth = first.length;
  for (const path of paths) {
    const parts = path.split('/').slice(0, -1);
    let same = 0;
    while (same < depth && parts[same] === first[same]) same++;
    depth = same;
  }
  return depth > 0 ? first.slice(0, depth).join('/') : null;
}

/** True when the files are texts, not a model. */
export function isText(files: readonly PickedFile[]): boolean {
  const names = files.map(({ path }) => path.split('/').at(-1) ?? '');
  const modelFile =
    /\.(safetensors|gguf|bin)$|^(config|tokenizer|generation_config|tokenizer_config|model\.safetensors\.index)\.json$/i;
  return names.length === 1 && names.every((name) => /\.(txt|json)$/i.test(name) && !modelFile.test(name));
}

/** Everything in a drop, folders walked through. */
export async function filesOfDrop(data: DataTransfer): Promise<PickedFile[]> {
  // Entries must be taken before the first await: the list is emptied afterwards.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...data.files].map((file) => ({ path: file.name, file }));
  const found: PickedFile[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** More files than any model folder has; a whole disk dropped by mistake stops here. */
const MAX_FILES = 2000;

async function walk(entry: FileSystemEntry, found: PickedFile[]): Promise<void> {
  if (found.length >= MAX_FILES) return;
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ''), file });
  } else if (entry instanceof FileSystemDirectoryEntry) {
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
        reader.readEntries(resolve, reject),
      );
      if (batch.length === 0) return;
      for (const child of batch) await walk(child, found);
    }
  }
}
