/** The figures of one experiment, as far as it is measured. */
import type { TheoryExperiment, TheoryRecord } from '../../core/theory';
import { Bounds } from './Bounds';
import { Convexity } from './Convexity';
import { LabTheory } from './LabTheory';
import { Monotone } from './Monotone';
import { Orders } from './Orders';
import { Proxy } from './Proxy';
import { Spread } from './Spread';

export function Results({ experiment, record }: { experiment: TheoryExperiment; record: TheoryRecord }) {
  const file = (what: string): string => `theory-${experiment.theorem}-${what}-${record.model.name}`;
  switch (experiment.theorem) {
    case '3.1':
      return <Monotone experiment={experiment} record={record} file={file} />;
    case '3.2':
      return <Bounds experiment={experiment} record={record} file={file} />;
    case '3.4':
      return <Spread experiment={experiment} record={record} file={file} />;
    case '3.5':
      return <Orders experiment={experiment} record={record} file={file} />;
    case 'lab':
      return <LabTheory experiment={experiment} record={record} file={file} />;
    case 'convexity':
      return <Convexity experiment={experiment} record={record} file={file} />;
    case 'proxy':
      return <Proxy experiment={experiment} record={record} file={file} />;
  }
}
