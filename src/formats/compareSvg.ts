/** A line chart as SVG text, styled by the page that holds it. Pure; every text is escaped. */
import { linearAxis, logAxis, perplexityAxis } from '../core/scales';
import { UNIFORM_COLOUR, type Series } from './compareSeries';

export interface LineChart {
  title: string;
  x: { name: string; log?: boolean; whole?: boolean };
  /** 'auto': logarithmic where the values span more than a factor of 4. */
  y: { name: string; scale: 'linear' | 'auto'; percent?: boolean };
  series: readonly Series[];
  /** A level line, such as the dense model's perplexity. */
  level?: { value: number; name: string };
  /** Values hold until the next one: the running best of a search. */
  steps?: boolean;
}

const WIDTH = 640;
const HEIGHT = 300;
const BOX = { left: 62, right: 14, top: 14, bottom: 42 };

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const short = (value: number): string =>
  value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)
    ? value.toExponential(0).replace('e+', 'e')
    : String(Number(value.toPrecision(4)));

export function lineChart(chart: LineChart): string {
  const points = chart.series.flatMap((s) => s.points);
  const ys = [...points.map((p) => p.y), ...(chart.level ? [chart.level.value] : [])];
  const yAxis = chart.y.scale === 'auto' ? perplexityAxis(ys) : { ...linearAxis(ys, [0]), log: false };
  const xs = points.map((p) => p.x);
  const xAxis = chart.x.log ? { ...logAxis(xs), log: true } : { ...linearAxis(xs, [], 6), log: false };
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const xDomain: [number, number] = chart.x.log
    ? xAxis.domain
    : least < most
      ? [least, most]
      : [least - 0.5, most + 0.5];
  const scale = (domain: [number, number], log: boolean, from: number, to: number) => (value: number) => {
    const f = log ? Math.log : (v: number) => v;
    return from + ((f(value) - f(domain[0])) / (f(domain[1]) - f(domain[0]) || 1)) * (to - from);
  };
  const px = scale(xDomain, xAxis.log, BOX.left, WIDTH - BOX.right);
  const py = scale(yAxis.domain, yAxis.log, HEIGHT - BOX.bottom, BOX.top);
  const xTicks = xAxis.ticks.filter(
    (t) => t >= xDomain[0] && t <= xDomain[1] && (!chart.x.whole || Number.isInteger(t)),
  );
  const n = (value: number): string => value.toFixed(1);
  const parts = [
    ...yAxis.ticks.map(
      (t) =>
        `<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${n(py(t))}" y2="${n(py(t))}"/><text x="${BOX.left - 8}" y="${n(py(t) + 4)}" text-anchor="end">${chart.y.percent ? `${short(100 * t)} %` : short(t)}</text>`,
    ),
    ...xTicks.map(
      (t) => `<text x="${n(px(t))}" y="${HEIGHT - BOX.bottom + 18}" text-anchor="middle">${short(t)}</text>`,
    ),
    `<line class="axis" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${HEIGHT - BOX.bottom}" y2="${HEIGHT - BOX.bottom}"/>`,
    `<text x="${(BOX.left + WIDTH - BOX.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeText(chart.x.name)}</text>`,
    `<text class="y-name" x="14" y="${(BOX.top + HEIGHT - BOX.bottom) / 2}" text-anchor="middle" transform="rotate(-90 14 ${(BOX.top + HEIGHT - BOX.bottom) / 2})">${escapeText(chart.y.name)}</text>`,
  ];
  if (chart.level)
    parts.push(
      `<line class="level" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${n(py(chart.level.value))}" y2="${n(py(chart.level.value))}"/>`,
    );
  for (const series of chart.series) parts.push(seriesMarkup(series, px, py, chart.steps === true));
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(chart.title)}">${parts.join('')}</svg>`;
}

/** Class of a line and of its key. */
export function colourClass({ colour }: Pick<Series, 'colour'>): string {
  return colour === UNIFORM_COLOUR ? 'c-uniform' : `c-${colour}`;
}

function seriesMarkup(
  series: Series,
  px: (x: number) => number,
  py: (y: number) => number,
  steps: boolean,
): string {
  let path = '';
  let open = false;
  for (const { x, y } of series.points) {
    if (y === null || !Number.isFinite(y)) {
      open = false;
      continue;
    }
    const [at, to] = [px(x).toFixed(1), py(y).toFixed(1)];
    path += open ? (steps ? `H${at}V${to}` : `L${at} ${to}`) : `M${at} ${to}`;
    open = true;
  }
  const dots = series.points
    .filter((p): p is { x: number; y: number } => p.y !== null && Number.isFinite(p.y))
    .map((p) => `<circle cx="${px(p.x).toFixed(1)}" cy="${py(p.y).toFixed(1)}" r="2.6"/>`);
  return `<g class="${colourClass(series)}"><path d="${path}"${series.dash ? ` stroke-dasharray="${series.dash}"` : ''}/>${dots.join('')}</g>`;
}
