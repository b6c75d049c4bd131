/** The tasks' data sets on the Hub: where they lie, and their documents. */
import { sha256Hex } from '../../core/hash';
import type { ZeroShotTask } from '../../core/zeroshot';
import { parquetRows, resolveDataset, sourceOf, storedParquet, type DatasetOptions } from '../hubDatasets';
import { readRows } from './documents';
import { definitionOf, type Document } from './tasks';

export type HubTaskId = Exclude<ZeroShotTask, 'cloze'>;

interface Place {
  repo: string;
  revision: string;
  path: string;
  columns: string[];
}

/** Where the Hub keeps a parquet form of data sets that are published as something else. */
const CONVERTED = 'refs/convert/parquet';
const at = (repo: string, path: string, columns: string[], revision = 'main'): Place => ({
  repo,
  revision,
  path,
  columns,
});

/** The split with published answers: test where there is one, else validation. */
const PLACES: Record<HubTaskId, Place> = {
  boolq: at('google/boolq', 'data/validation-00000-of-00001.parquet', ['passage', 'question', 'answer']),
  rte: at('nyu-mll/glue', 'rte/validation-00000-of-00001.parquet', ['sentence1', 'sentence2', 'label']),
  hellaswag: at('Rowan/hellaswag', 'data/validation-00000-of-00001.parquet', [
    'activity_label',
    'ctx_a',
    'ctx_b',
    'endings',
    'label',
  ]),
  winogrande: at(
    'allenai/winogrande',
    'winogrande_xl/validation/0000.parquet',
    ['sentence', 'option1', 'option2', 'answer'],
    CONVERTED,
  ),
  arc_easy: at('allenai/ai2_arc', 'ARC-Easy/test-00000-of-00001.parquet', [
    'question',
    'choices',
    'answerKey',
  ]),
  arc_challenge: at('allenai/ai2_arc', 'ARC-Challenge/test-00000-of-00001.parquet', [
    'question',
    'choices',
    'answerKey',
  ]),
  openbookqa: at('allenai/openbookqa', 'main/test-00000-of-00001.parquet', [
    'question_stem',
    'choices',
    'answerKey',
  ]),
  piqa: at('ybisk/piqa', 'plain_text/validation/0000.parquet', ['goal', 'sol1', 'sol2', 'label'], CONVERTED),
};

/** Documents with where they came from. */
export interface TaskDocuments {
  source: string;
  /** Of the bytes that they came in. */
  sha256: string;
  documents: Document[];
}

/** Resolved to a commit, fetched once, kept. FetchError or TextError. */
export async function openHubTask(
  task: HubTaskId,
  revision: string | undefined,
  options: DatasetOptions,
): Promise<TaskDocuments> {
  const place = PLACES[task];
  const repo = await resolveDataset(place.repo, revision ?? place.revision, options);
  const file = await storedParquet(repo, place.path, options);
  const source = sourceOf(repo, place.path);
  const rows = await parquetRows(source, file, place.columns);
  return {
    source,
    sha256: await sha256Hex(await file.read(0, file.size)),
    documents: readRows(definitionOf(task), source, rows),
  };
}
