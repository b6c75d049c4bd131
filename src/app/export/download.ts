/** Downloads of a staged export: the weights as they are, everything else in one zip. */
import { zipStore } from '../../formats/zipStore';
import type { ExportFile } from '../../session/protocol';
import { saveBlob } from '../charts/csv';
import type { StagedSink } from './sinks';

/** The model's name as the beginning of a file name. */
export function exportName(model: string): string {
  return (model.split('/').at(-1) ?? model).replaceAll(/[^\w.-]+/g, '_').replace(/^[._]+/, '') || 'model';
}

/** What a file of the export is called as a download: shards keep their own names behind the model's. */
export function downloadName(path: string, name: string): string {
  return /^model\.(safetensors|gguf)$/.test(path)
    ? path.replace('model', `${name}-pruned`)
    : `${name}-pruned-${path}`;
}

/** Hands all files to the browser: every weight file by itself, then `<name>-pruned.zip` with the rest. */
export async function downloadAll(
  sink: StagedSink,
  files: readonly ExportFile[],
  name: string,
): Promise<void> {
  const isWeights = ({ path }: ExportFile): boolean => /^model.*\.(safetensors|gguf)$/.test(path);
  for (const file of files.filter(isWeights))
    saveBlob(await sink.file(file.path), downloadName(file.path, name));
  const rest: { path: string; bytes: Uint8Array<ArrayBuffer> }[] = [];
  for (const { path } of files.filter((file) => !isWeights(file))) {
    rest.push({ path, bytes: new Uint8Array(await (await sink.file(path)).arrayBuffer()) });
  }
  saveBlob(new Blob([zipStore(rest)], { type: 'application/zip' }), `${name}-pruned.zip`);
}
