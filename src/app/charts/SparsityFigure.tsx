import { lazy, Suspense, useMemo, useRef, useState, type PointerEvent } from 'react';
import { exact, percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { useBetaRange, useRates, useRuns } from '../hooks/useResults';
import { useRem, useSize } from '../hooks/useSize';
import { isByHand } from '../stores/legal';
import { openLayer } from '../stores/uiStore';
import { ChartFrame } from './ChartFrame';
import { LayerKeys } from './LayerKeys';
import { plotBox } from './plotBox';
import { layerTicks } from './scales';

const HandPoints = lazy(() => import('./HandPoints'));

/** Sparsity asked of each layer and found in it; the line can be taken by an end and tilted. */
export function SparsityFigure() {
  const rates = useRates();
  const { run } = useRuns();
  const achieved = run?.report?.sparsity?.layers ?? null;
  const { limit } = useBetaRange();
  const drawn = useSpec(({ spec }) => isByHand(spec) && Array.isArray(spec.layerSparsity));
  const loaded = useRun(({ model }) => model !== null);
  const table = useMemo(
    () => ({
      caption: `Sparsity per layer: fraction of zeros among the weights that may be pruned, asked and achieved${run ? `; ${run.kind} run` : '; achieved pending'}.`,
      columns: ['layer', 'asked', 'achieved'],
      rows: rates.map((rate, i) => [String(i + 1), exact(rate), exact(achieved?.[i])]),
    }),
    [rates, achieved, run],
  );
  return (
    <ChartFrame
      title="Sparsity per layer"
      subtitle={
        drawn
          ? 'Line: asked. Bars: achieved. Draw across the layers; click a number to look in'
          : limit > 0
            ? 'Line: asked. Bars: achieved. Drag an end to tilt it, click a layer to look in'
            : 'Line: asked. Bars: achieved. Click a layer to look in'
      }
      file="sparsity"
      table={table}
      className="chart-sparsity"
    >
      <div className={drawn ? 'plot plot-sparsity is-drawn' : 'plot plot-sparsity'}>
        <Strip rates={rates} achieved={achieved} tiltable={limit > 0} />
        {drawn && loaded && (
          <Suspense fallback={null}>
            <HandPoints rates={rates} />
          </Suspense>
        )}
        <LayerKeys layers={rates.length} />
      </div>
    </ChartFrame>
  );
}

interface StripProps {
  rates: readonly number[];
  achieved: readonly number[] | null;
  tiltable: boolean;
}

function Strip({ rates, achieved, tiltable }: StripProps) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const box = plotBox(rem);
  const layers = rates.length;
  const inner = Math.max(0, width - box.left - box.right);
  const bottom = Math.max(0, height - box.bottom);
  const x = (layer: number): number => box.left + ((layer - 0.5) / layers) * inner;
  const y = (rate: number): number => bottom - rate * (bottom - box.top);
  const band = (inner / layers) * (layers > 40 ? 0.86 : 0.72);
  const line = rates
    .map((rate, i) => `${i === 0 ? 'M' : 'L'}${x(i + 1).toFixed(1)} ${y(rate).toFixed(1)}`)
    .join('');
  return (
    <div ref={ref} className="plot-area">
      {width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <line className="grid-line" x1={box.left} x2={width - box.right} y1={y(0)} y2={y(0)} />
          <line className="grid-line" x1={box.left} x2={width - box.right} y1={y(1)} y2={y(1)} />
          <text x={box.left - 8} y={y(1)} dy="0.32em" textAnchor="end">
            100
          </text>
          <text x={box.left - 8} y={y(0)} dy="0.32em" textAnchor="end">
            0
          </text>
          {rates.map((rate, i) => (
            <rect
              key={i}
              className={achieved ? 'bar' : 'bar is-pending'}
              x={x(i + 1) - band / 2}
              width={band}
              y={y(achieved?.[i] ?? rate)}
              height={Math.max(0, y(0) - y(achieved?.[i] ?? rate))}
              rx={Math.min(3, band / 4)}
              onClick={() => openLayer(i)}
            />
          ))}
          <line
            className="mean-line"
            x1={box.left}
            x2={width - box.right}
            y1={y(sparsity)}
            y2={y(sparsity)}
          />
          {sparsity < 0.9 && sparsity > 0.1 && (
            <text x={box.left - 8} y={y(sparsity)} dy="0.32em" textAnchor="end">
              {percent(sparsity)}
            </text>
          )}
          <path className="asked-line" d={line} />
          {layerTicks(layers, inner).map((layer) => (
            <text key={layer} x={x(layer)} y={height - box.bottom * 0.28} textAnchor="middle">
              {layer}
            </text>
          ))}
          {tiltable && layers > 1 && (
            <>
              <Handle
                end="first"
                x={x(1)}
                y={y(rates[0] ?? 0)}
                top={y(1)}
                bottom={y(0)}
                layers={layers}
                radius={rem * 0.42}
              />
              <Handle
                end="last"
                x={x(layers)}
                y={y(rates.at(-1) ?? 0)}
                top={y(1)}
                bottom={y(0)}
                layers={layers}
                radius={rem * 0.42}
              />
            </>
          )}
        </svg>
      )}
    </div>
  );
}

interface HandleProps {
  end: 'first' | 'last';
  x: number;
  y: number;
  top: number;
  bottom: number;
  layers: number;
  radius: number;
}

/** One end of the line. The Beta slider does the same by keyboard. */
function Handle({ end, x, y, top, bottom, layers, radius }: HandleProps) {
  const lab = useLab();
  const { limit, min } = useBetaRange();
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const [held, setHeld] = useState(false);
  const grip = useRef(0);

  const move = (event: PointerEvent<SVGGElement>): void => {
    if (!held) return;
    const svg = event.currentTarget.ownerSVGElement;
    if (!svg) return;
    const at = event.clientY - svg.getBoundingClientRect().top - grip.current;
    const rate = (bottom - at) / (bottom - top);
    const raw = ((end === 'last' ? rate - sparsity : sparsity - rate) * 2) / (layers - 1);
    const step = limit / 200;
    const beta = Math.min(limit, Math.max(min, Number((Math.round(raw / step) * step).toPrecision(12))));
    lab.drag({ beta });
  };
  const release = (): void => {
    if (!held) return;
    setHeld(false);
    lab.commit();
  };
  return (
    <g
      className={`handle${held ? ' is-held' : ''}`}
      transform={`translate(${x} ${y})`}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        const svg = event.currentTarget.ownerSVGElement;
        grip.current = svg ? event.clientY - svg.getBoundingClientRect().top - y : 0;
        setHeld(true);
      }}
      onPointerMove={move}
      onPointerUp={release}
      onPointerCancel={release}
    >
      <circle className="handle-hit" r={Math.max(16, radius * 2)} />
      <circle className="handle-dot" r={radius} />
    </g>
  );
}
