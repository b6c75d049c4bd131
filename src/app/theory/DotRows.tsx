/** Schedules by name, each with a dot for every seed and a line at the mean. */
import { useMemo } from 'react';
import type { ScheduleRow } from '../../core/theory';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { linearAxis, perplexityAxis } from '../charts/scales';
import { compact, exact } from '../format';
import { useRem, useSize } from '../hooks/useSize';
import { cell } from './figures';

interface Props {
  title: string;
  subtitle: string;
  file: string;
  schedules: readonly ScheduleRow[];
  seeds: readonly number[];
}

export function DotRows({ title, subtitle, file, schedules, seeds }: Props) {
  const table = useMemo(
    (): Table => ({
      caption: `${title}. ${subtitle}.`,
      columns: ['schedule', 'mean perplexity', ...seeds.flatMap((s) => [`perplexity, seed ${s}`, `summed error, seed ${s}`, `last error, seed ${s}`]), 'rates'], // prettier-ignore
      rows: schedules.map((row) => [
        row.name,
        cell(meanOf(row)),
        ...seeds.flatMap((_, i) => [cell(row.perplexity[i]), cell(row.summed[i]), cell(row.last[i])]),
        row.rates.map((rate) => exact(rate)).join(' '),
      ]),
    }),
    [title, subtitle, schedules, seeds],
  );
  return (
    <div className="card">
      <ChartFrame title={title} subtitle={subtitle} file={file} ofExperiment={false} table={table}>
        <Dots schedules={schedules} />
      </ChartFrame>
    </div>
  );
}

function meanOf({ perplexity }: ScheduleRow): number | null {
  let sum = 0;
  for (const value of perplexity) {
    if (value === null) return null;
    sum += value;
  }
  return sum / perplexity.length;
}

function Dots({ schedules }: { schedules: readonly ScheduleRow[] }) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const axis = perplexityAxis(schedules.flatMap(({ perplexity }) => perplexity));
  const [from, to] = axis.domain;
  const left = 6.5 * rem;
  const inner = Math.max(0, width - left - 1.5 * rem);
  const at = (value: number): number =>
    left + inner * (axis.log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from));
  const line = 1.5 * rem;
  const bottom = schedules.length * line;
  const height = bottom + 1.75 * rem;
  const most = Math.max(2, Math.floor(inner / (3.5 * rem)));
  const stride = Math.ceil(axis.ticks.length / most);
  const ticks = axis.log
    ? axis.ticks.filter((_, i) => i % stride === 0)
    : linearAxis([from, to], [], Math.min(5, most)).ticks.filter((tick) => tick >= from && tick <= to);
  return (
    <div ref={ref} className="plot dot-rows" style={{ height }}>
      {width > 0 && schedules.length > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          {ticks.map((tick) => (
            <g key={tick}>
              <line className="grid-line" x1={at(tick)} x2={at(tick)} y1={0} y2={bottom} />
              <text x={at(tick)} y={bottom + 1.2 * rem} textAnchor="middle">
                {compact(tick)}
              </text>
            </g>
          ))}
          {schedules.map((row, i) => {
            const y = (i + 0.5) * line;
            const mean = meanOf(row);
            return (
              <g
                key={row.name}
                className={row.name === 'ascending' || row.name === 'arithmetic' ? 'is-own' : ''}
              >
                <text x={left - 0.6 * rem} y={y} dy="0.35em" textAnchor="end">
                  {row.name}
                </text>
                {row.perplexity.map(
                  (value, k) => value !== null && <circle key={k} cx={at(value)} cy={y} r={0.22 * rem} />,
                )}
                {mean === null ? (
                  <text x={left + inner} y={y} dy="0.35em" textAnchor="end">
                    diverged
                  </text>
                ) : (
                  <line
                    className="mean"
                    x1={at(mean)}
                    x2={at(mean)}
                    y1={y - 0.45 * rem}
                    y2={y + 0.45 * rem}
                  />
                )}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}
