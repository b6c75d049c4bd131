import { useState, type ReactNode } from 'react';
import {
  isDone,
  lastError,
  rowScore,
  type Comparison,
  type ComparisonRow,
  type DoneRow,
  type PairedInterval,
  type RowFigures,
} from '../../core/comparison';
import { bestKey } from '../../formats/compareHtml';
import { methodsOf } from '../../formats/compareTable';
import { changePercent, compact, count, percent, perplexity, rate } from '../format';

interface Column {
  name: string;
  title?: string;
  /** What it is sorted by; null stands last. */
  value: (row: DoneRow) => number | string | null;
  cell: (row: DoneRow) => ReactNode;
}

const COLUMNS: readonly Column[] = [
  { name: 'S', title: 'Asked fraction of zeros', value: (row) => row.sparsity, cell: (row) => rate(row.sparsity) }, // prettier-ignore
  { name: 'beta', value: (row) => row.beta, cell: (row) => (row.beta === null ? '' : row.beta.toPrecision(3)) }, // prettier-ignore
  { name: 'select', title: 'Perplexity of the select text', value: (row) => rowScore(row.perplexity.select), cell: (row) => <Figures figures={row.perplexity.select} paired={row.paired?.select} /> }, // prettier-ignore
  { name: 'report', title: 'Perplexity of the report text', value: (row) => rowScore(row.perplexity.report), cell: (row) => <Figures figures={row.perplexity.report} paired={row.paired?.report} /> }, // prettier-ignore
  { name: 'KL', title: 'From the dense model, report text, nats', value: (row) => row.perplexity.report.kl, cell: (row) => (row.perplexity.report.kl === null ? 'diverged' : compact(row.perplexity.report.kl)) }, // prettier-ignore
  { name: 'error', title: 'Cumulative error of the last layer, as a share of its dense output, squared', value: lastError, cell: (row) => { const error = lastError(row); return error === null ? 'diverged' : percent(error, 1); } }, // prettier-ignore
  { name: 'seconds', title: 'Wall time of the entry, its search included', value: (row) => row.cost.ms, cell: (row) => (row.cost.ms / 1000).toFixed(1) }, // prettier-ignore
  { name: 'passes', title: 'Forward work in passes of the calibration text through the whole model', value: (row) => row.cost.modelPasses, cell: (row) => row.cost.modelPasses.toFixed(1) }, // prettier-ignore
  { name: 'zeros', value: (row) => row.zeros, cell: (row) => count(row.zeros) },
];

interface Sort {
  column: string;
  down: boolean;
}

/** Every row of the comparison; a head is pressed to sort by it. */
export function CompareTable({ comparison }: { comparison: Comparison }) {
  const [sort, setSort] = useState<Sort | null>(null);
  const best = new Set(
    [...new Set(comparison.rows.map((row) => row.sparsity))].map((s) => bestKey(comparison.rows, s)),
  );
  const press = (column: string): void =>
    setSort((old) =>
      old?.column !== column ? { column, down: false } : old.down ? null : { column, down: true },
    );
  return (
    <div className="table-shown compare-table" role="region" aria-label="Rows of the comparison" tabIndex={0}>
      <table>
        <caption className="visually-hidden">Rows of the comparison</caption>
        <thead>
          <tr>
            {['pruner', 'allocation', ...COLUMNS.map(({ name }) => name)].map((name) => (
              <th
                key={name}
                scope="col"
                className={name === 'pruner' || name === 'allocation' ? 'name' : undefined}
                aria-sort={sort?.column === name ? (sort.down ? 'descending' : 'ascending') : undefined}
              >
                <button
                  type="button"
                  className="sort"
                  title={COLUMNS.find((column) => column.name === name)?.title}
                  onClick={() => press(name)}
                >
                  {name}
                  <span aria-hidden="true">{sort?.column === name ? (sort.down ? ' ↓' : ' ↑') : ''}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(comparison.rows, sort).map((row) => (
            <Row key={row.key} row={row} best={best.has(row.key)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row, best }: { row: ComparisonRow; best: boolean }) {
  const { pruner, allocation } = methodsOf(row);
  return (
    <tr aria-current={best ? 'true' : undefined}>
      <th scope="row">{pruner}</th>
      <td className="name">
        {allocation}
        {isDone(row) && row.fallback !== undefined && <small title={row.fallback}> fell back</small>}
      </td>
      {isDone(row) ? (
        COLUMNS.map(({ name, cell }) => <td key={name}>{cell(row)}</td>)
      ) : (
        <>
          <td>{rate(row.sparsity)}</td>
          <td className="reason" colSpan={COLUMNS.length - 1}>
            {row.status}: {row.error.message}
          </td>
        </>
      )}
    </tr>
  );
}

function Figures({ figures, paired }: { figures: RowFigures; paired: PairedInterval | null | undefined }) {
  const { bySeed, min, max } = figures;
  return (
    <>
      {perplexity(rowScore(figures))}
      {bySeed && (
        <small>
          {perplexity(min)} to {perplexity(max)}
        </small>
      )}
      {paired && (
        <small className={paired.distinguishable ? (paired.ratio < 1 ? 'good' : 'bad') : ''}>
          {changePercent(paired.ratio)}
          {paired.low !== null &&
            paired.high !== null &&
            ` (${changePercent(paired.low)} to ${changePercent(paired.high)})`}
        </small>
      )}
    </>
  );
}

function sorted(rows: readonly ComparisonRow[], sort: Sort | null): ComparisonRow[] {
  if (!sort) return [...rows];
  const valueOf = (row: ComparisonRow): number | string | null => {
    if (sort.column === 'pruner' || sort.column === 'allocation') return methodsOf(row)[sort.column];
    return isDone(row) ? (COLUMNS.find(({ name }) => name === sort.column)?.value(row) ?? null) : null;
  };
  return [...rows].sort((a, b) => {
    const [x, y] = [valueOf(a), valueOf(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    const order = typeof x === 'string' || typeof y === 'string' ? String(x).localeCompare(String(y)) : x - y;
    return sort.down ? -order : order;
  });
}
