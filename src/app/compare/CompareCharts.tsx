import { lazy, Suspense, useMemo, useState } from 'react';
import { isDone, type Comparison } from '../../core/comparison';
import {
  errorByLayer,
  measuredSparsities,
  perplexityBySparsity,
  runningBest,
  sparsityByLayer,
  type Series,
} from '../../formats/compareSeries';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { Segments } from '../controls/fields';
import { exact, rate } from '../format';
import type { PlotScales } from './ComparePlot';

const ComparePlot = lazy(() => import('./ComparePlot'));

const TIME_SCALES = [
  { value: 'log', label: 'Log seconds' },
  { value: 'linear', label: 'Linear' },
] as const;

/** The rows laid over each other. */
export function CompareCharts({ comparison }: { comparison: Comparison }) {
  const sparsities = measuredSparsities(comparison);
  const [wanted, setWanted] = useState<number | null>(null);
  const [logTime, setLogTime] = useState(true);
  const sparsity = wanted !== null && sparsities.includes(wanted) ? wanted : sparsities.at(-1);
  if (sparsity === undefined) return null;
  const errors = comparison.rows.find(isDone)?.errors;
  const searches = runningBest(comparison, sparsity);
  const fileOf = (what: string, of = `-s${sparsity}`): string =>
    `compare-${what}-${comparison.model.name}${of}`;
  const at = `at ${rate(sparsity)} zeros`;
  return (
    <>
      {sparsities.length > 1 && (
        <Segments
          label="Sparsity of the charts"
          value={String(sparsity)}
          options={sparsities.map((s) => ({
            value: String(s),
            label: rate(s),
          }))}
          onChange={(value) => setWanted(Number(value))}
        />
      )}
      <div className="compare-charts">
        <Figure
          title="Compared sparsity per layer"
          subtitle={`Zeros counted in each layer, ${at}`}
          file={fileOf('sparsity')}
          axis="layer"
          series={sparsityByLayer(comparison, sparsity)}
          scales={{ y: 'share', x: 'layer' }}
        />
        <Figure
          title="Compared error per layer"
          subtitle={`Cumulative error as a share of the dense output, ${errors?.text ?? 'calibration'} text, ${at}`}
          file={fileOf('errors')}
          axis="layer"
          series={errorByLayer(comparison, sparsity)}
          scales={{ y: 'auto', x: 'layer' }}
        />
        {sparsities.length > 1 && (
          <Figure
            title="Perplexity versus sparsity"
            subtitle="Report text"
            file={fileOf('perplexity', '')}
            axis="sparsity"
            series={perplexityBySparsity(comparison, 'report')}
            scales={{ y: 'auto', x: 'linear' }}
          />
        )}
        {searches.length > 0 && (
          <Figure
            title="Running best of each search"
            subtitle={`Smallest perplexity of the select text so far, ${at}; seconds since the entry began`}
            file={fileOf('search')}
            axis="seconds"
            series={searches}
            scales={{ y: 'auto', x: logTime ? 'log' : 'linear', steps: true }}
            controls={
              <Segments
                label="Time axis"
                value={logTime ? 'log' : 'linear'}
                options={TIME_SCALES}
                onChange={(value) => setLogTime(value === 'log')}
              />
            }
          />
        )}
      </div>
    </>
  );
}

interface FigureProps {
  title: string;
  subtitle: string;
  file: string;
  /** Name of what the points lie along. */
  axis: string;
  series: Series[];
  scales: PlotScales;
  controls?: React.ReactNode;
}

function Figure({ title, subtitle, file, axis, series, scales, controls }: FigureProps) {
  const table = useMemo(
    () => tableOf(`${title}. ${subtitle}.`, axis, series),
    [title, subtitle, axis, series],
  );
  return (
    <div className="card">
      <ChartFrame
        title={title}
        subtitle={subtitle}
        file={file}
        ofExperiment={false}
        table={table}
        controls={controls}
      >
        <ul className="legend compare-legend" aria-hidden="true">
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
          <Suspense fallback={<div className="skeleton skeleton-plot" />}>
            <ComparePlot series={series} scales={scales} axis={axis} />
          </Suspense>
        </div>
      </ChartFrame>
    </div>
  );
}

/** One row for each place on the axis, one column for each line. */
function tableOf(caption: string, axis: string, series: readonly Series[]): Table {
  const places = [...new Set(series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
  const write = (x: number): string => (axis === 'layer' ? String(x) : exact(x));
  return {
    caption,
    columns: [axis, ...series.map((s) => s.name)],
    rows: places.map((x) => [
      write(x),
      ...series.map((s) => {
        const point = s.points.find((p) => p.x === x);
        return point === undefined ? '' : point.y === null ? 'diverged' : exact(point.y);
      }),
    ]),
  };
}
