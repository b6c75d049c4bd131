/** The drawing of the error chart. Loaded after the first frame, with the chart library. */
import { CartesianGrid, Line, LineChart, ReferenceLine, Tooltip, XAxis, YAxis } from 'recharts';
import { memo, useMemo } from 'react';
import { compact, powerOfTen } from '../format';
import { useRem, useSize } from '../hooks/useSize';
import { openLayer } from '../stores/uiStore';
import { ERROR_VIEWS, type ErrorRow, type ErrorView, type ErrorViewModel } from '../stores/errorView';
import { plotBox } from './plotBox';
import { layerTicks, linearAxis, logAxis } from './scales';

/** Above the grid and the axes of the chart library. */
const FRONT = 400;

type LineKey = Exclude<keyof ErrorRow, 'layer'>;

/** Back to front. Styles are in charts.css by class. */
const LINES: readonly { key: LineKey; name: string; className: string }[] = [
  { key: 'uniform', name: 'uniform', className: 'line-uniform' },
  { key: 'pinned', name: 'pinned', className: 'line-pinned' },
  { key: 'oldLocal', name: 'alone, before', className: 'line-local is-old' },
  { key: 'oldInPlace', name: 'added here, before', className: 'line-in-place is-old' },
  { key: 'oldInherited', name: 'inherited, before', className: 'line-inherited is-old' },
  { key: 'local', name: 'alone', className: 'line-local' },
  { key: 'inPlace', name: 'added here', className: 'line-in-place' },
  { key: 'inherited', name: 'inherited', className: 'line-inherited' },
  { key: 'preview', name: 'cumulative, preview', className: 'line-preview' },
  { key: 'cumulative', name: 'cumulative', className: 'line-cumulative' },
];

interface Props {
  model: ErrorViewModel;
  view: ErrorView;
  layers: number;
}

function ErrorPlot({ model, view, layers }: Props) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const box = plotBox(rem);
  const { log } = ERROR_VIEWS[view];
  const data = useMemo(() => (log ? model.rows.map(withoutZeros) : model.rows), [model.rows, log]);
  const axis = useMemo(() => {
    const values = data.flatMap((row) => LINES.map(({ key }) => row[key]));
    return log ? logAxis(values) : linearAxis(values, [1]);
  }, [data, log]);
  const drawn = LINES.filter(({ key }) => data.some((row) => row[key] !== null));
  const nothing = model.state !== 'empty' && drawn.length === 0;
  return (
    <div ref={ref} className="plot-area">
      {width > 0 && height > 0 && (
        <LineChart
          width={width}
          height={height}
          data={data}
          onClick={({ activeLabel }) => activeLabel !== undefined && openLayer(Number(activeLabel) - 1)}
          margin={{ top: box.top, right: box.right, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} syncWithTicks />
          <XAxis
            dataKey="layer"
            type="number"
            domain={[0.5, layers + 0.5]}
            ticks={layerTicks(layers, width - box.left - box.right)}
            height={box.bottom}
            tickLine={false}
            interval={0}
          />
          <YAxis
            type="number"
            scale={log ? 'log' : 'linear'}
            domain={axis.domain}
            ticks={axis.ticks}
            width={box.left}
            tickLine={false}
            axisLine={false}
            allowDataOverflow
            interval={0}
            tickFormatter={(value: number) => (log ? formatLogTick(value) : String(value))}
          />
          {view === 'ratio' && <ReferenceLine y={1} className="line-one" />}
          {drawn.map(({ key, name, className }) => (
            <Line
              key={key}
              dataKey={key}
              name={name}
              className={className}
              // Back to front as listed, whichever line came first.
              zIndex={FRONT + LINES.findIndex((line) => line.key === key)}
              type="linear"
              dot={layers === 1}
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
          <Tooltip isAnimationActive={false} cursor={{ className: 'plot-cursor' }} content={ReadOut} />
        </LineChart>
      )}
      {nothing && <p className="plot-empty">No error to draw: nothing differs from the dense model.</p>}
    </div>
  );
}

/** Drawn again when its figures change, not when the slider moves. */
export default memo(ErrorPlot);

function withoutZeros(row: ErrorRow): ErrorRow {
  const next = { ...row };
  for (const { key } of LINES) if (next[key] === 0) next[key] = null;
  return next;
}

function formatLogTick(value: number): string {
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-6 ? powerOfTen(Math.round(exponent)) : compact(value);
}

interface ReadOutProps {
  active?: boolean | undefined;
  label?: string | number | undefined;
  payload?: readonly { dataKey?: unknown; name?: unknown; value?: unknown }[] | undefined;
}

function ReadOut({ active, label, payload }: ReadOutProps) {
  const known = payload?.filter(({ value }) => typeof value === 'number') ?? [];
  if (!active || known.length === 0) return null;
  return (
    <div className="read-out">
      <b>Layer {label}</b>
      <dl>
        {[...known].reverse().map(({ dataKey, name, value }) => (
          <div key={String(dataKey)}>
            <dt>{String(name)}</dt>
            <dd>{compact(Number(value))}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
