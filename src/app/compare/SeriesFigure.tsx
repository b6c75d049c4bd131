/** Lines over one axis as a figure: legend, drawing, the same figures as a table. */
import { lazy, Suspense, useMemo, type ReactNode } from 'react';
import type { Series } from '../../formats/compareSeries';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { exact } from '../format';
import type { PlotMark, PlotScales } from './ComparePlot';

const ComparePlot = lazy(() => import('./ComparePlot'));

interface Props {
  title: string;
  subtitle: string;
  file: string;
  /** Name of what the points lie along. */
  axis: string;
  series: readonly Series[];
  scales: PlotScales;
  marks?: readonly PlotMark[];
  /** Where it holds more than what is drawn. */
  table?: Table;
  controls?: ReactNode;
  className?: string;
}

export function SeriesFigure({
  title,
  subtitle,
  file,
  axis,
  series,
  scales,
  marks,
  table,
  controls,
  className = '',
}: Props) {
  const own = useMemo(
    () => table ?? tableOf(`${title}. ${subtitle}.`, axis, series),
    [table, title, subtitle, axis, series],
  );
  return (
    <div className={`card ${className}`}>
      <ChartFrame
        title={title}
        subtitle={subtitle}
        file={file}
        ofExperiment={false}
        table={own}
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
          {marks?.map(
            ({ x, label, className: kind }) =>
              x !== undefined && (
                <li key={label} className={kind}>
                  <svg viewBox="0 0 26 8" width="26" height="8">
                    <path d="M1 4H25" />
                  </svg>
                  {label}
                </li>
              ),
          )}
        </ul>
        <div className="plot plot-compare">
          <Suspense fallback={<div className="skeleton skeleton-plot" />}>
            <ComparePlot series={series} scales={scales} axis={axis} {...(marks && { marks })} />
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
