/** Layer raised against layer measured: how much each later error grows, as one colour over a log scale. */
import type { SpreadExperiment } from '../../core/theory';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { layerTicks } from '../charts/scales';
import { Segments } from '../controls/fields';
import { compact, percent, powerOfTen } from '../format';
import { useRem, useSize } from '../hooks/useSize';
import { useMemo, useState } from 'react';
import { cell, spreadCells } from './figures';

const UNITS = [
  { value: 'shares', label: 'Shares' },
  { value: 'plain', label: 'Squares' },
] as const;

/** Least and largest size of a cell, in rem. */
const CELL = { least: 0.5, most: 1.6 };
/** Patches of the scale. */
const STEPS = 24;

export function HeatMap({ experiment, file }: { experiment: SpreadExperiment; file: string }) {
  const [shares, setShares] = useState(true);
  const unit = shares ? 'as a share of the dense output' : 'in squares';
  const rows = useMemo(() => spreadCells(experiment, shares), [experiment, shares]);
  const all = experiment.base?.cumulative.length ?? 0;
  const table = useMemo(
    (): Table => ({
      caption: `Spread of error. Rows: the layer raised by ${percent(experiment.raise)}; columns: growth of the cumulative error behind each layer, ${unit}.`,
      columns: ['raised', ...Array.from({ length: all }, (_, j) => `layer ${j + 1}`)],
      rows: rows.map(({ layer, values }) => [String(layer + 1), ...values.map(cell)]),
    }),
    [rows, all, experiment.raise, unit],
  );
  return (
    <div className="card">
      <ChartFrame
        title="Spread of error"
        subtitle={`Growth of the cumulative error behind each layer, ${unit}, when one layer loses ${percent(experiment.raise)} more; log scale`}
        file={file}
        ofExperiment={false}
        table={table}
        controls={
          <Segments
            label="Unit of the spread"
            value={shares ? 'shares' : 'plain'}
            options={UNITS}
            onChange={(value) => setShares(value === 'shares')}
          />
        }
      >
        <ul className="legend compare-legend" aria-hidden="true">
          <li>− the error falls</li>
          <li>× diverged</li>
        </ul>
        <Cells rows={rows} all={all} shares={shares} />
      </ChartFrame>
    </div>
  );
}

function Cells({
  rows,
  all,
  shares,
}: {
  rows: ReturnType<typeof spreadCells>;
  all: number;
  shares: boolean;
}) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const left = 3 * rem;
  const top = 3.5 * rem;
  const size = Math.max(CELL.least * rem, Math.min(CELL.most * rem, (width - left - rem) / Math.max(1, all)));
  const known = rows.flatMap(({ values }) => values.flatMap((v) => (v ? [Math.abs(v)] : [])));
  const low = Math.log10(Math.min(...known));
  const high = Math.max(Math.log10(Math.max(...known)), low + 1e-6);
  const level = (value: number): number => (Math.log10(Math.abs(value)) - low) / (high - low);
  const read = (value: number): string => (shares ? percent(value, 2) : compact(value));
  const ticks = layerTicks(all, size * all);
  const height = top + size * all + 2.75 * rem;
  const scaleWidth = Math.min(14 * rem, width - left - rem);
  return (
    <div ref={ref} className="plot heat" style={{ height }}>
      {width > 0 && known.length > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <Scale x={left} width={scaleWidth} rem={rem} low={low} high={high} />
          {rows.map(({ layer, values }) =>
            values.map((value, j) => {
              const x = left + j * size;
              const y = top + layer * size;
              if (j < layer) return null;
              const sign = value === null ? '×' : value < 0 ? '−' : '';
              return (
                <g key={j}>
                  <rect
                    x={x}
                    y={y}
                    width={size - 1}
                    height={size - 1}
                    style={{ fill: value ? colourOf(level(value)) : 'var(--sunken)' }}
                  >
                    <title>{`Layer ${layer + 1} raised, behind layer ${j + 1}: ${value === null ? 'diverged' : read(value)}`}</title>
                  </rect>
                  {sign && (
                    <text
                      x={x + size / 2}
                      y={y + size / 2}
                      dy="0.35em"
                      textAnchor="middle"
                      className={value !== null && level(value) > 0.5 ? 'heat-sign is-over' : 'heat-sign'}
                    >
                      {sign}
                    </text>
                  )}
                </g>
              );
            }),
          )}
          {ticks.map((layer) => (
            <g key={layer}>
              <text x={left - 0.4 * rem} y={top + (layer - 0.5) * size} dy="0.35em" textAnchor="end">
                {layer}
              </text>
              <text x={left + (layer - 0.5) * size} y={top + all * size + 1.1 * rem} textAnchor="middle">
                {layer}
              </text>
            </g>
          ))}
          <text x={left + (all * size) / 2} y={top + all * size + 2.3 * rem} textAnchor="middle">
            error behind layer
          </text>
          <text
            transform={`translate(${0.9 * rem} ${top + (all * size) / 2}) rotate(-90)`}
            textAnchor="middle"
          >
            layer raised
          </text>
        </svg>
      )}
    </div>
  );
}

function Scale({
  x,
  width,
  rem,
  low,
  high,
}: {
  x: number;
  width: number;
  rem: number;
  low: number;
  high: number;
}) {
  const first = Math.ceil(low);
  const decades = Array.from({ length: Math.max(0, Math.floor(high) - first + 1) }, (_, i) => first + i);
  const stride = Math.max(1, Math.ceil(decades.length / 5));
  const shown = decades.filter((_, i) => i % stride === 0);
  const ends = shown.length < 2 ? [low, high] : shown;
  return (
    <g>
      {Array.from({ length: STEPS }, (_, i) => (
        <rect
          key={i}
          x={x + (i * width) / STEPS}
          y={0.25 * rem}
          width={width / STEPS + 0.5}
          height={0.7 * rem}
          style={{ fill: colourOf(i / (STEPS - 1)) }}
        />
      ))}
      {ends.map((at) => (
        <text key={at} x={x + ((at - low) / (high - low)) * width} y={2.05 * rem} textAnchor="middle">
          {shown.length < 2 ? compact(10 ** at) : powerOfTen(at)}
        </text>
      ))}
    </g>
  );
}

/** From the page's pale end to its strong one. */
function colourOf(level: number): string {
  return `color-mix(in oklab, var(--heat-low), var(--heat-high) ${(100 * level).toFixed(1)}%)`;
}
