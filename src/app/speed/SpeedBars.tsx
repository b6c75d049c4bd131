import { compact } from '../format';
import type { NamedRow } from './SpeedFigures';

const ROW = 26;
const NAME = 190;
const WIDTH = 720;
const END = 90;

/** One bar for each format, a thin line over its quartiles. */
export function SpeedBars({ rows }: { rows: readonly NamedRow[] }) {
  const most = Math.max(...rows.map(({ row }) => row.decode.high));
  const place = (rate: number): number => NAME + ((WIDTH - NAME - END) * rate) / most;
  return (
    <svg
      className="speed-bars"
      viewBox={`0 0 ${WIDTH} ${rows.length * ROW}`}
      width={WIDTH}
      height={rows.length * ROW}
    >
      {rows.map(({ name, row: { decode, speedUp } }, i) => {
        const middle = i * ROW + ROW / 2;
        return (
          <g key={name}>
            <text x={NAME - 8} y={middle + 4} textAnchor="end">
              {name}
            </text>
            <rect x={NAME} y={middle - 8} width={place(decode.median) - NAME} height={16} rx={2} />
            <path d={`M${place(decode.low)} ${middle}H${place(decode.high)}`} />
            <text x={place(decode.high) + 6} y={middle + 4}>
              {compact(decode.median)} · {speedUp.toFixed(2)}×
            </text>
          </g>
        );
      })}
    </svg>
  );
}
