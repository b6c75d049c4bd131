import type { TheoryExperiment, TheoryRecord } from '../../core/theory';

export interface ResultProps<E extends TheoryExperiment> {
  experiment: E;
  record: TheoryRecord;
  /** Base of the name of a saved file. */
  file: (what: string) => string;
}
