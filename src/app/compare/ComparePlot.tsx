/** Several lines over one axis. Loaded with the chart library. */
import {
  CartesianGrid,
  Line,
  LineChart,
  ReferenceLine,
  Tooltip,
  XAxis,
  YAxis,
  type DotItemDotProps,
} from 'recharts';
import { memo, useMemo } from 'react';
import type { Series } from '../../formats/compareSeries';
import { plotBox } from '../charts/plotBox';
import { layerTicks, linearAxis, logAxis, perplexityAxis } from '../charts/scales';
import { compact, percent, powerOfTen } from '../format';
import { useRem, useSize } from '../hooks/useSize';

export interface PlotScales {
  x: 'layer' | 'linear' | 'log';
  /** 'share': fractions from 0; 'auto': logarithmic where the values span more than a factor of 4; 'signed': about 0. */
  y: 'share' | 'auto' | 'signed';
  /** A value holds until the next. */
  steps?: boolean;
  /** Points without lines between them. */
  scatter?: boolean;
  /** Keys of series that are drawn as crosses. */
  crosses?: readonly string[];
}

/** A line across the drawing: upright at x, or level at y. */
export interface PlotMark {
  x?: number;
  y?: number;
  label: string;
  className: string;
}

interface Props {
  series: readonly Series[];
  scales: PlotScales;
  /** Name of the axis, before a place in the read-out. */
  axis: string;
  marks?: readonly PlotMark[];
}

const NO_MARKS: readonly PlotMark[] = [];

function ComparePlot({ series, scales, axis, marks = NO_MARKS }: Props) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const box = plotBox(rem);
  const data = useMemo(() => rowsOf(series), [series]);
  const ys = [...series.flatMap((s) => s.points.map((p) => p.y)), ...marks.map(({ y }) => y ?? null)];
  const yAxis = scales.y === 'auto' ? perplexityAxis(ys) : { ...linearAxis(ys, [0], 4), log: false };
  const upright = marks.flatMap(({ x: at }) => at ?? []);
  const xs = [...data.map((row) => row.x), ...upright];
  const x = xAxis(scales.x, xs, width - box.left - box.right);
  const format = (value: number): string => (scales.y === 'share' ? percent(value, 1) : compact(value));
  return (
    <div ref={ref} className="plot-area">
      {width > 0 && height > 0 && (
        <LineChart
          width={width}
          height={height}
          data={data}
          margin={{ top: box.top, right: box.right, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} syncWithTicks />
          <XAxis
            dataKey="x"
            type="number"
            scale={scales.x === 'log' ? 'log' : 'linear'}
            domain={x.domain}
            ticks={x.ticks}
            height={box.bottom}
            tickLine={false}
            interval={0}
            tickFormatter={(value: number) => (axis === 'sparsity' ? percent(value) : tick(value))}
          />
          <YAxis
            type="number"
            scale={yAxis.log ? 'log' : 'linear'}
            domain={yAxis.domain}
            ticks={yAxis.ticks}
            width={box.left}
            tickLine={false}
            axisLine={false}
            allowDataOverflow
            interval={0}
            tickFormatter={(value: number) => (scales.y === 'share' ? percent(value) : tick(value))}
          />
          {marks.map(({ x: atX, y: atY, label, className }, index) => (
            <ReferenceLine
              key={label}
              {...(atX === undefined ? { y: atY } : { x: atX })}
              className={className}
              label={{
                value: label,
                position: atX === undefined ? 'insideBottomRight' : sideOf(atX, upright, x.domain),
                // Two labels side by side do not cover each other.
                dy: atX === undefined ? 0 : index * rem,
                className: 'mark-label',
              }}
            />
          ))}
          {series.map(({ key, name, colour, dash }, index) => (
            <Line
              key={key}
              dataKey={`y${index}`}
              name={name}
              className={`line-series series-${colour}`}
              strokeDasharray={dash || undefined}
              strokeOpacity={scales.scatter ? 0 : 1}
              type={scales.steps ? 'stepAfter' : 'linear'}
              connectNulls
              dot={
                scales.crosses?.includes(key)
                  ? Cross
                  : scales.x === 'layer' && xs.length > 1 && !scales.scatter
                    ? false
                    : { r: scales.scatter ? 3.5 : 2.5, className: `series-${colour}`, strokeDasharray: '' }
              }
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
          <Tooltip
            isAnimationActive={false}
            cursor={{ className: 'plot-cursor' }}
            content={(props) => <ReadOut {...props} axis={axis} format={format} />}
          />
        </LineChart>
      )}
    </div>
  );
}

export default memo(ComparePlot);

/** The label of the first upright line stands left of it, others right, unless the edge is near. */
function sideOf(
  at: number,
  all: readonly number[],
  [low, high]: [number, number],
): 'insideTopLeft' | 'insideTopRight' {
  const place = (at - low) / (high - low);
  const left = at === Math.min(...all) ? place > 0.2 : place > 0.8;
  return left ? 'insideTopRight' : 'insideTopLeft';
}

function Cross({ key, cx, cy }: DotItemDotProps) {
  if (cx === undefined || cy === undefined) return <g key={key} />;
  return <path key={key} className="plot-cross" d={`M${cx - 4} ${cy - 4}l8 8m0 -8l-8 8`} />;
}

/** Round numbers without the zeros that say how exact they are. */
function tick(value: number): string {
  const exponent = Math.log10(value);
  if (Number.isInteger(exponent) && (exponent > 4 || exponent < -2)) return powerOfTen(exponent);
  return Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3)
    ? compact(value)
    : String(Number(value.toPrecision(3)));
}

type PlotRow = { x: number } & Record<string, number | null>;

function rowsOf(series: readonly Series[]): PlotRow[] {
  const rows = new Map<number, PlotRow>();
  series.forEach(({ points }, index) => {
    for (const { x, y } of points) {
      const row = rows.get(x) ?? { x };
      row[`y${index}`] = y;
      rows.set(x, row);
    }
  });
  return [...rows.values()].sort((a, b) => a.x - b.x);
}

function xAxis(
  kind: PlotScales['x'],
  xs: readonly number[],
  width: number,
): { domain: [number, number]; ticks: number[] } {
  const least = Math.min(...xs);
  const most = Math.max(...xs);
  if (kind === 'layer') return { domain: [0.5, most + 0.5], ticks: layerTicks(most, width) };
  if (kind === 'log') return logAxis(xs);
  if (least === most) return { domain: [least - 0.05, most + 0.05], ticks: [least] };
  const { ticks } = linearAxis(xs, [], Math.max(2, Math.min(6, Math.floor(width / 80))));
  return { domain: [least, most], ticks: ticks.filter((tick) => tick >= least && tick <= most) };
}

interface ReadOutProps {
  axis: string;
  format: (value: number) => string;
  active?: boolean | undefined;
  label?: string | number | undefined;
  payload?: readonly { dataKey?: unknown; name?: unknown; value?: unknown }[] | undefined;
}

function ReadOut({ active, label, payload, axis, format }: ReadOutProps) {
  const known = payload?.filter(({ value }) => typeof value === 'number') ?? [];
  if (!active || known.length === 0) return null;
  return (
    <div className="read-out">
      <b>{axis === 'sparsity' ? `${percent(Number(label), 1)} zeros` : `${axis} ${tick(Number(label))}`}</b>
      <dl>
        {known.map(({ dataKey, name, value }) => (
          <div key={String(dataKey)}>
            <dt>{String(name)}</dt>
            <dd>{format(Number(value))}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
