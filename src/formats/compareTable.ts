/** A comparison as one table: what CSV, the HTML report and the terminal show. Pure. */
import { isDone, lastError, type Comparison, type ComparisonRow } from '../core/comparison';

/** At least 6 significant digits, no grouping; empty for what is not known. */
export function exactFigure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(9)));
}

const orDiverged = (value: number | null | undefined): string =>
  value === null ? 'diverged' : exactFigure(value);

/** `wanda`, or with the parameters that were set: `owl:lambda=0.08`. The two are the first words of a row's key. */
export function methodsOf(row: ComparisonRow): { pruner: string; allocation: string } {
  const [pruner = row.pruner, allocation = row.allocation] = row.key.split(' ');
  return { pruner, allocation };
}

export function hasSeeds({ rows }: Comparison): boolean {
  return rows.some((row) => isDone(row) && row.perplexity.report.bySeed !== undefined);
}

/** All figures, one row each, in the order of the queue. */
export function compareTable(comparison: Comparison): { columns: string[]; rows: string[][] } {
  const seeds = hasSeeds(comparison);
  const range = (which: string): string[] =>
    seeds ? [`${which} mean`, `${which} lowest`, `${which} highest`] : [];
  const text = (which: string): string[] => [
    `${which} perplexity`,
    ...range(which),
    `${which} ratio`,
    `${which} ratio from`,
    `${which} ratio to`,
    `${which} KL, nats`,
    `${which} same first choice`,
  ];
  const columns = [
    'pruner',
    'allocation',
    'sparsity',
    'status',
    'beta',
    'achieved',
    'zeros',
    'weights',
    ...text('select'),
    ...text('report'),
    'cumulative error of the last layer',
    'seconds',
    'seconds of search',
    'model passes',
    'dispatches',
    'note',
  ];
  const rows = comparison.rows.map((row) => {
    const { pruner, allocation } = methodsOf(row);
    const head = [pruner, allocation, exactFigure(row.sparsity), row.status];
    if (!isDone(row)) return [...head, ...new Array<string>(columns.length - 5).fill(''), row.error.message];
    const figures = (which: 'select' | 'report'): string[] => {
      const own = row.perplexity[which];
      const paired = row.paired?.[which];
      return [
        orDiverged(own.perplexity),
        ...(seeds ? [own.mean, own.min, own.max].map(orDiverged) : []),
        exactFigure(paired?.ratio),
        exactFigure(paired?.low),
        exactFigure(paired?.high),
        orDiverged(own.kl),
        orDiverged(own.topOne),
      ];
    };
    return [
      ...head,
      exactFigure(row.beta),
      exactFigure(row.achieved),
      exactFigure(row.zeros),
      exactFigure(row.count),
      ...figures('select'),
      ...figures('report'),
      orDiverged(lastError(row)),
      exactFigure(row.cost.ms / 1000),
      exactFigure(row.cost.searchMs / 1000),
      exactFigure(row.cost.modelPasses),
      exactFigure(row.cost.dispatches),
      row.fallback ?? '',
    ];
  });
  return { columns, rows };
}

/** RFC 4180. A cell that a spreadsheet would run as a formula is quoted with an apostrophe. */
export function compareCsv(comparison: Comparison): string {
  const { columns, rows } = compareTable(comparison);
  const cell = (text: string): string => {
    const safe = /^[=+@]|^-(?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
