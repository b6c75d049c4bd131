/** How large the scores of a matrix are, and where the line between kept and pruned runs. */
import { useMemo } from 'react';
import type { MatrixRecord, ScoreRecord } from '../../core/layerRecord';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { compact, count, exact, powerOfTen } from '../format';
import { useRem, useSize } from '../hooks/useSize';

const KINDS: Record<ScoreRecord['kind'], string> = {
  weight: '|W|',
  weightNorm: '|W| × norm of its input',
};

export function ScoreFigure({ matrix, layer }: { matrix: MatrixRecord; layer: number }) {
  const { scores, name } = matrix;
  const table = useMemo(() => tableOf(scores, name), [scores, name]);
  return (
    <ChartFrame
      title="Score histogram"
      subtitle={`${KINDS[scores.kind]}, weights of ${name}, log scale · ${thresholdText(scores)}`}
      file={`scores-layer${layer}-${name}`}
      table={table}
      className="score-figure"
    >
      <ul className="legend" aria-hidden="true">
        <li className="key-kept">kept</li>
        <li className="key-pruned">pruned</li>
        {scores.threshold && <li className="key-threshold">threshold</li>}
      </ul>
      <div className="plot plot-scores">
        <Bars scores={scores} />
      </div>
    </ChartFrame>
  );
}

function thresholdText({ threshold }: ScoreRecord): string {
  if (threshold === null) return 'no one score divides kept and pruned';
  if (threshold.unit === 'matrix') return `up to ${compact(threshold.value)} pruned`;
  return `each row has its own threshold, from ${compact(threshold.min)} to ${compact(threshold.max)}`;
}

function tableOf({ kept, pruned, zero, log10, kind, threshold }: ScoreRecord, name: string): Table {
  const edge = (i: number): string =>
    log10 ? exact(10 ** (log10.min + ((log10.max - log10.min) * i) / kept.length)) : '';
  const median = threshold?.unit === 'row' ? `; their median ${exact(threshold.median)}` : '';
  return {
    caption: `Weights of ${name} by score, ${KINDS[kind]}; ${thresholdText({ kept, pruned, zero, log10, kind, threshold })}${median}.`,
    columns: ['from', 'to', 'kept', 'pruned'],
    rows: [
      ['0', '0', String(zero.kept), String(zero.pruned)],
      ...(log10 ? kept.map((n, i) => [edge(i), edge(i + 1), String(n), String(pruned[i] ?? 0)]) : []),
    ],
  };
}

function Bars({ scores }: { scores: ScoreRecord }) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const { kept, pruned, log10, threshold } = scores;
  const box = { left: 3.4 * rem, right: 0.75 * rem, top: 0.5 * rem, bottom: 1.5 * rem };
  const inner = Math.max(0, width - box.left - box.right);
  const most = Math.max(1, ...kept.map((n, i) => n + (pruned[i] ?? 0)));
  const bottom = Math.max(0, height - box.bottom);
  const y = (n: number): number => bottom - (n / most) * (bottom - box.top);
  const x = (score: number): number =>
    log10 ? box.left + ((Math.log10(score) - log10.min) / (log10.max - log10.min)) * inner : box.left;
  const band = inner / kept.length;
  return (
    <div ref={ref} className="plot-area">
      {log10 && width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <line className="grid-line" x1={box.left} x2={width - box.right} y1={y(0)} y2={y(0)} />
          <text x={box.left - 8} y={y(most)} dy="0.32em" textAnchor="end">
            {count(most)}
          </text>
          <text x={box.left - 8} y={y(0)} dy="0.32em" textAnchor="end">
            0
          </text>
          {threshold?.unit === 'row' && (
            <rect
              className="threshold-band"
              x={x(threshold.min)}
              width={Math.max(1, x(threshold.max) - x(threshold.min))}
              y={box.top}
              height={bottom - box.top}
            />
          )}
          {kept.map((n, i) => {
            const gone = pruned[i] ?? 0;
            const at = { x: box.left + i * band, width: Math.max(0.5, band - (band > 4 ? 1 : 0)) };
            return (
              <g key={i}>
                <rect className="bar-pruned" {...at} y={y(gone)} height={y(0) - y(gone)} />
                <rect className="bar-kept" {...at} y={y(gone + n)} height={y(gone) - y(gone + n)} />
              </g>
            );
          })}
          {threshold && (
            <line
              className="threshold-line"
              x1={x(threshold.unit === 'row' ? threshold.median : threshold.value)}
              x2={x(threshold.unit === 'row' ? threshold.median : threshold.value)}
              y1={box.top}
              y2={bottom}
            />
          )}
          {decades(log10).map((exponent) => (
            <text key={exponent} x={x(10 ** exponent)} y={height - box.bottom * 0.28} textAnchor="middle">
              {powerOfTen(exponent)}
            </text>
          ))}
        </svg>
      )}
      {!log10 && <p className="plot-empty">Every score is 0: there is nothing to draw.</p>}
    </div>
  );
}

function decades({ min, max }: { min: number; max: number }): number[] {
  const first = Math.ceil(min);
  return Array.from({ length: Math.max(0, Math.floor(max) - first + 1) }, (_, i) => first + i);
}
