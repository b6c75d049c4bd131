/** Documents of a task from JSON lines or from the rows of a parquet file. Nothing of them is trusted. */
import { LabError } from '../../core/errors';
import { decodeUtf8, parseJson } from '../json';
import { Row, RowProblem, type Document, type TaskDefinition } from './tasks';

/** The largest data set here, HellaSwag, has 12 MB. */
export const MAX_TASK_BYTES = 64 << 20;
const MAX_DOCUMENTS = 200_000;

/** One JSON object a line; empty lines are passed over. TextError names the line that cannot be read. */
export function parseJsonLines(definition: TaskDefinition, name: string, bytes: Uint8Array): Document[] {
  if (bytes.byteLength > MAX_TASK_BYTES)
    throw new LabError(
      'TextError',
      `${name} has ${bytes.byteLength} bytes; at most ${MAX_TASK_BYTES} are read.`,
      'Give fewer documents.',
    );
  let text: string;
  try {
    text = decodeUtf8(name, bytes);
  } catch (cause) {
    throw new LabError('TextError', LabError.from(cause).message, 'Save the file as UTF-8.', { cause });
  }
  const documents: Document[] = [];
  text.split('\n').forEach((content, index) => {
    if (content.trim() === '') return;
    const line = index + 1;
    documents.push(
      readRow(definition, `${name}: line ${line}`, line, () => {
        try {
          return parseJson(`line ${line}`, content);
        } catch {
          throw new RowProblem('it is not valid JSON');
        }
      }),
    );
  });
  return checkCount(name, documents);
}

/** Rows as a parquet reader gives them. */
export function readRows(definition: TaskDefinition, name: string, rows: readonly unknown[]): Document[] {
  const documents = rows.map((row, index) =>
    readRow(definition, `${name}: row ${index + 1}`, index + 1, () => row),
  );
  return checkCount(name, documents);
}

function readRow(definition: TaskDefinition, where: string, line: number, row: () => unknown): Document {
  try {
    return { line, ...definition.read(new Row(row())) };
  } catch (cause) {
    if (!(cause instanceof RowProblem)) throw cause;
    throw new LabError(
      'TextError',
      `${where}: ${cause.message}.`,
      `${definition.title} needs ${definition.fields}.`,
      { cause },
    );
  }
}

function checkCount(name: string, documents: Document[]): Document[] {
  if (documents.length === 0)
    throw new LabError('TextError', `${name}: there is no document in it.`, 'Give one JSON object a line.');
  if (documents.length > MAX_DOCUMENTS)
    throw new LabError(
      'TextError',
      `${name} has ${documents.length} documents; at most ${MAX_DOCUMENTS} are read.`,
      'Give fewer documents.',
    );
  return documents;
}
