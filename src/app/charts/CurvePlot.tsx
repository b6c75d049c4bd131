/** The drawing of the perplexity chart. Loaded after the first frame, with the chart library. */
import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  ReferenceLine,
  Tooltip,
  XAxis,
  YAxis,
  usePlotArea,
  type DotItemDotProps,
} from 'recharts';
import { memo, useMemo, type KeyboardEvent } from 'react';
import { beta as formatBeta } from '../format';
import { useSpec } from '../hooks/useLab';
import type { CurveView } from '../hooks/useResults';
import { useRem, useSize } from '../hooks/useSize';
import { betaOf } from '../stores/legal';
import { layOutCurve, type CurveMeasure, type CurveRow } from './curveRows';
import { MEASURES } from './curveMeasures';
import { plotBox } from './plotBox';
import { linearAxis } from './scales';

interface Props {
  curve: CurveView;
  measure: CurveMeasure;
  limit: number;
  min: number;
  onGo: (beta: number) => void;
}

function CurvePlot({ curve, measure, limit, min, onGo }: Props) {
  const { name, tick, read } = MEASURES[measure];
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const box = plotBox(rem);
  const { rows, axis, reach } = useMemo(
    () => layOutCurve({ exact: curve.exact?.points ?? [], preview: curve.preview?.points ?? [] }, measure),
    [curve, measure],
  );
  const banded = rows.some(({ band: range }) => range !== null);
  const low = Math.min(min, reach.low);
  const right = Math.max(limit, reach.high, 1e-3);
  const pad = (right - low) * 0.03;
  const ticks = linearAxis([low, right], [], Math.max(2, Math.min(5, Math.floor(width / 90)))).ticks.filter(
    (tick) => tick >= low - pad && tick <= right + pad,
  );
  const ties = band(curve, rows);
  const dot = (kind: 'exact' | 'preview' | 'diverged') =>
    function PlotDot({ key, cx, cy, payload: row }: DotItemDotProps) {
      const payload = row as CurveRow | undefined;
      if (cx === undefined || cy === undefined || !payload || payload[kind] === null) return <g key={key} />;
      return (
        <Point
          key={key}
          x={cx}
          y={cy}
          kind={kind}
          best={kind === curve.kind && payload.beta === curve.best}
          tied={kind === curve.kind && curve.ties.includes(payload.beta)}
          label={`Go to beta ${formatBeta(payload.beta, limit, true)}, ${kind === 'diverged' ? 'diverged' : `${name} ${read(payload[kind])}${kind === 'preview' ? ', preview' : ''}`}`}
          radius={rem * 0.3}
          onGo={() => onGo(payload.beta)}
        />
      );
    };
  return (
    <div ref={ref} className="plot-area">
      {width > 0 && height > 0 && (
        <ComposedChart
          width={width}
          height={height}
          data={rows}
          margin={{ top: Math.round(rem * 1.5), right: box.right + rem * 0.4, bottom: 0, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} syncWithTicks />
          <XAxis
            dataKey="beta"
            type="number"
            domain={[low - pad, right + pad]}
            ticks={ticks}
            height={box.bottom * 1.9}
            tickLine={false}
            interval={0}
            tickFormatter={(value: number) => String(value).replace('-', '\u2212')}
            label={{ value: 'beta', position: 'insideBottom', offset: 2, className: 'axis-name' }}
          />
          <YAxis
            type="number"
            scale={axis.log ? 'log' : 'linear'}
            domain={axis.domain}
            ticks={axis.ticks}
            width={box.left}
            tickLine={false}
            axisLine={false}
            interval={0}
            allowDataOverflow
            tickFormatter={tick}
          />
          {ties && (
            <ReferenceArea
              x1={ties[0] - pad / 2}
              x2={ties[1] + pad / 2}
              className="ties"
              ifOverflow="hidden"
            />
          )}
          <ReferenceLine
            x={limit}
            className="limit-line"
            label={{ value: 'limit', position: 'top', className: 'mark-label' }}
          />
          {low < 0 && (
            <ReferenceLine
              x={0}
              className="zero-line"
              label={{ value: 'uniform', position: 'top', className: 'mark-label' }}
            />
          )}
          {banded && (
            <Area
              dataKey="band"
              className="seed-band"
              activeDot={false}
              dot={false}
              connectNulls
              isAnimationActive={false}
            />
          )}
          <NowLine low={low - pad} high={right + pad} />
          <Line
            dataKey="preview"
            className="line-curve-preview"
            dot={dot('preview')}
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
          <Line
            dataKey="exact"
            className="line-curve"
            dot={dot('exact')}
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
          <Line
            dataKey="diverged"
            className="line-diverged"
            dot={dot('diverged')}
            activeDot={false}
            isAnimationActive={false}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ className: 'plot-cursor' }}
            content={(props) => <ReadOut {...props} measure={measure} />}
          />
        </ComposedChart>
      )}
    </div>
  );
}

/** A drag moves nothing else of this drawing. */
export default memo(CurvePlot);

/** The chosen beta. Follows the slider by itself, so that the chart around it need not be drawn again. */
function NowLine({ low, high }: { low: number; high: number }) {
  const plot = usePlotArea();
  const beta = useSpec(({ spec }) => betaOf(spec));
  if (!plot || high <= low) return null;
  const x = plot.x + ((beta - low) / (high - low)) * plot.width;
  if (x < plot.x || x > plot.x + plot.width) return null;
  return (
    <g className="now-line">
      <line x1={x} x2={x} y1={plot.y} y2={plot.y + plot.height} />
      <text className="mark-label is-now" x={x} y={plot.y} dy="-0.4em" textAnchor="middle">
        now
      </text>
    </g>
  );
}

interface PointProps {
  x: number;
  y: number;
  kind: 'exact' | 'preview' | 'diverged';
  best: boolean;
  tied: boolean;
  label: string;
  radius: number;
  onGo: () => void;
}

function Point({ x, y, kind, best, tied, label, radius, onGo }: PointProps) {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onGo();
  };
  return (
    <g
      role="button"
      tabIndex={0}
      aria-label={label}
      className={`point point-${kind}${best ? ' is-best' : ''}${tied ? ' is-tied' : ''}`}
      transform={`translate(${x} ${y})`}
      onClick={onGo}
      onKeyDown={onKeyDown}
    >
      <circle className="point-hit" r={Math.max(12, radius * 2.2)} />
      {kind === 'diverged' ? (
        <path d={`M${-radius} ${-radius}L${radius} ${radius}M${radius} ${-radius}L${-radius} ${radius}`} />
      ) : (
        <circle className="point-dot" r={best ? radius * 1.35 : radius} />
      )}
      {best && (
        <text className="best-label" y={radius * 5.2} textAnchor="middle">
          best
        </text>
      )}
    </g>
  );
}

/** The run of neighbouring points around the best that cannot be told from it. */
function band({ best, ties }: CurveView, rows: readonly CurveRow[]): [number, number] | null {
  if (best === null || ties.length < 2) return null;
  const at = rows.findIndex((row) => row.beta === best);
  let from = at;
  let to = at;
  while (from > 0 && ties.includes(rows[from - 1]?.beta ?? NaN)) from--;
  while (to < rows.length - 1 && ties.includes(rows[to + 1]?.beta ?? NaN)) to++;
  const first = rows[from]?.beta;
  const last = rows[to]?.beta;
  return first === undefined || last === undefined || from === to ? null : [first, last];
}

interface ReadOutProps {
  active?: boolean | undefined;
  payload?: readonly { payload?: unknown }[] | undefined;
  measure: CurveMeasure;
}

function ReadOut({ active, payload, measure }: ReadOutProps) {
  const row = payload?.[0]?.payload as CurveRow | undefined;
  if (!active || !row) return null;
  const { name, read } = MEASURES[measure];
  const lines: [string, string][] = [];
  if (row.exact !== null) lines.push([row.band ? `${name}, mean` : name, read(row.exact)]);
  if (row.preview !== null)
    lines.push([`${name}${row.band && row.exact === null ? ', mean' : ''}, preview`, read(row.preview)]);
  if (row.band) lines.push(['over the seeds', `${read(row.band[0])} to ${read(row.band[1])}`]);
  if (row.diverged !== null) lines.push([name, 'diverged']);
  return (
    <div className="read-out">
      <b>beta {formatBeta(row.beta, null, true)}</b>
      <dl>
        {lines.map(([term, text]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
