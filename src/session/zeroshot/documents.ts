/** The documents of the tasks that were asked for: from files, from the Hub, or made of the bundled text. */
import { BUNDLED_TEXT } from '../../core/bundledText';
import { LabError } from '../../core/errors';
import { sha256Hex } from '../../core/hash';
import { PythonRandom } from '../../core/pythonRandom';
import { SHUFFLE_SEED, type TaskRequest, type ZeroShotTask } from '../../core/zeroshot';
import { clozeItems, clozeLines } from '../../formats/zeroshot/cloze';
import { parseJsonLines } from '../../formats/zeroshot/documents';
import type { TaskDocuments } from '../../formats/zeroshot/hubTask';
import { definitionOf, type Document } from '../../formats/zeroshot/tasks';
import { decodeText } from '../../formats/texts';
import type { LabHost, TextIo } from '../host';

export interface OpenTask {
  task: ZeroShotTask;
  source: string;
  sha256: string;
  /** Documents there. */
  count: number;
  /** Those that are scored. */
  documents: Document[];
}

/** TextError or FetchError names the file and line that cannot be read. */
export async function openTasks(
  host: LabHost,
  requests: readonly TaskRequest[],
  limit: number | null,
  io: TextIo,
): Promise<OpenTask[]> {
  const out: OpenTask[] = [];
  for (const request of requests) {
    const { source, sha256, documents } = await openTask(host, request, io);
    out.push({
      task: request.task,
      source,
      sha256,
      count: documents.length,
      documents: chosen(documents, limit),
    });
  }
  return out;
}

/** A limit takes the first of the shuffled documents; without one they stay as they are. */
export function chosen<T>(documents: readonly T[], limit: number | null): T[] {
  const list = [...documents];
  if (limit === null) return list;
  new PythonRandom(SHUFFLE_SEED).shuffle(list);
  return list.slice(0, limit);
}

/** The cloze set as a file. */
export async function clozeFile(host: LabHost): Promise<string> {
  const bytes = await host.bundledText();
  return clozeLines(clozeItems(decodeText('The bundled text', bytes.subarray(...BUNDLED_TEXT.cloze))));
}

async function openTask(
  host: LabHost,
  { task, file, revision }: TaskRequest,
  io: TextIo,
): Promise<TaskDocuments> {
  const definition = definitionOf(task);
  if (file)
    return {
      source: file.name,
      sha256: await sha256Hex(file.bytes),
      documents: parseJsonLines(definition, file.name, file.bytes),
    };
  if (task === 'cloze') {
    const bytes = new TextEncoder().encode(await clozeFile(host));
    return {
      source: `bundled:${BUNDLED_TEXT.name}`,
      sha256: await sha256Hex(bytes),
      documents: parseJsonLines(definition, 'The cloze set', bytes),
    };
  }
  if (host.hubTask) return host.hubTask(task, revision, io);
  throw new LabError(
    'TextError',
    `${task}: there is no way to the Hub here.`,
    'Give the documents as a file.',
  );
}
