import { lazy, Suspense, type ReactNode } from 'react';
import { FORMAT_WORDS, type SpeedRecord, type SpeedRow } from '../../core/speed';
import type { Series } from '../../formats/compareSeries';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { bytes, compact, exact, percent } from '../format';
import { STORAGE_FORMATS } from '../../core/sparseSizes';
import { SpeedBars } from './SpeedBars';

const ComparePlot = lazy(() => import('../compare/ComparePlot'));

export interface NamedRow {
  name: string;
  row: SpeedRow;
}

/** Dense, then every format of every pruning; their names say the pruning where there are several. */
function namedRows({ dense, variants }: SpeedRecord): NamedRow[] {
  const several = variants.length > 1;
  return [
    { name: FORMAT_WORDS.dense, row: dense },
    ...variants.flatMap((variant) =>
      variant.rows.map((row) => ({
        name: several ? `${FORMAT_WORDS[row.format]}, ${variant.name}` : FORMAT_WORDS[row.format],
        row,
      })),
    ),
  ];
}

export function FormatsFigure({ record }: { record: SpeedRecord }) {
  const rows = namedRows(record);
  const table: Table = {
    caption:
      'Speed by storage format: tokens per second decoded (median and quartiles), bytes of the prunable matrices.',
    columns: ['format', 'tokens/s', 'from', 'to', 'prompt tokens/s', 'in memory', 'on disk', 'speed-up', 'of the matrices alone', 'allowed by bytes', 'same tokens'], // prettier-ignore
    rows: rows.map(({ name, row }) => [
      name,
      compact(row.decode.median),
      compact(row.decode.low),
      compact(row.decode.high),
      compact(row.prefill.median),
      bytes(row.memoryBytes),
      row.fileBytes === null ? 'no such format' : bytes(row.fileBytes),
      row.speedUp.toFixed(2),
      row.kernelSpeedUp.toFixed(2),
      row.limit.toFixed(2),
      row.sameTokens ? `${row.sameTokens.same} of ${row.sameTokens.of}` : '',
    ]),
  };
  return (
    <ChartFrame
      title="Speed by storage format"
      subtitle="Tokens per second, one at a time: median, quartiles as a line"
      file={`speed-${record.model.name}`}
      ofExperiment={false}
      table={table}
    >
      <div className="plot">
        <SpeedBars rows={rows} />
      </div>
    </ChartFrame>
  );
}

/** The shares that the layers have of one token's products. */
export function LayersFigure({ record }: { record: SpeedRecord }) {
  const series = namedRows(record).map(({ name, row }, i): Series => {
    const total = row.layerMs.reduce((a, b) => a + b, 0);
    return {
      key: name,
      name,
      colour: row.format === 'dense' ? 'uniform' : STORAGE_FORMATS.indexOf(row.format),
      dash: i > (record.variants[0]?.rows.length ?? 0) ? '7 4' : '',
      points: row.layerMs.map((ms, layer) => ({ x: layer + 1, y: ms / total })),
    };
  });
  return (
    <Lines
      title="Share of each layer"
      subtitle="Of the time of one token’s products with the prunable matrices"
      file={`speed-layers-${record.model.name}`}
      axis="layer"
      series={series}
      write={(y) => percent(y, 1)}
    >
      <ComparePlot series={series} scales={{ x: 'layer', y: 'share' }} axis="layer" />
    </Lines>
  );
}

/** Random masks on the middle layer: from which sparsity on the packed kernels are quicker than dense ones. */
export function BreakEvenFigure({ record }: { record: SpeedRecord }) {
  const series = record.breakEven.map(({ format, points }): Series => ({
    key: format,
    name: FORMAT_WORDS[format],
    colour: STORAGE_FORMATS.indexOf(format),
    dash: '',
    points: points.map(({ sparsity, ratio }) => ({ x: sparsity, y: ratio })),
  }));
  return (
    <Lines
      title="Break-even sparsity"
      subtitle="Time of the middle layer’s products over that of dense ones; quicker below 1"
      file={`speed-break-even-${record.model.name}`}
      axis="sparsity"
      series={series}
      write={exact}
    >
      <ComparePlot series={series} scales={{ x: 'linear', y: 'auto' }} axis="sparsity" />
    </Lines>
  );
}

interface LinesProps {
  title: string;
  subtitle: string;
  file: string;
  axis: string;
  series: readonly Series[];
  write: (y: number) => string;
  children: ReactNode;
}

function Lines({ title, subtitle, file, axis, series, write, children }: LinesProps) {
  const places = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const table: Table = {
    caption: `${title}. ${subtitle}.`,
    columns: [axis, ...series.map(({ name }) => name)],
    rows: places.map((x) => [
      String(x),
      ...series.map(({ points }) => {
        const y = points.find((point) => point.x === x)?.y;
        return y === null || y === undefined ? '' : write(y);
      }),
    ]),
  };
  return (
    <ChartFrame title={title} subtitle={subtitle} file={file} ofExperiment={false} table={table}>
      <ul className="legend speed-legend" aria-hidden="true">
        {series.map(({ key, name, colour, dash }) => (
          <li key={key} className={`series-${colour}`}>
            <svg viewBox="0 0 26 8" width="26" height="8">
              <path d="M1 4H25" strokeDasharray={dash || undefined} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <div className="plot plot-compare">
        <Suspense fallback={<div className="skeleton skeleton-plot" />}>{children}</Suspense>
      </div>
    </ChartFrame>
  );
}
