import { compact } from '../format';
import { useSize } from '../hooks/useSize';
import type { NamedRow } from './SpeedFigures';

const BAR = 26;
const END = 100;
/** Beside a bar a name has this much room; where there is less than NARROW in all, it stands above. */
const NAME = 240;
const NARROW = 560;
const LINE = 16;

/** One bar for each format, a thin line over its quartiles. */
export function SpeedBars({ rows }: { rows: readonly NamedRow[] }) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const above = width < NARROW;
  const start = above ? 0 : NAME;
  const step = BAR + (above ? LINE : 0);
  const most = Math.max(...rows.map(({ row }) => row.decode.high));
  const place = (rate: number): number => start + (Math.max(0, width - start - END) * rate) / most;
  return (
    <div ref={ref}>
      <svg className="speed-bars" width={width} height={rows.length * step}>
        {rows.map(({ name, row: { decode, speedUp } }, i) => {
          const middle = (i + 1) * step - BAR / 2;
          return (
            <g key={name}>
              {above ? (
                <text x={0} y={middle - 12}>
                  {name}
                </text>
              ) : (
                <text x={start - 8} y={middle + 4} textAnchor="end">
                  {name}
                </text>
              )}
              <rect x={start} y={middle - 8} width={place(decode.median) - start} height={16} rx={2} />
              <path d={`M${place(decode.low)} ${middle}H${place(decode.high)}`} />
              <text x={place(decode.high) + 6} y={middle + 4}>
                {compact(decode.median)} · {speedUp.toFixed(2)}×
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
