/** The figures of a record of the theory as line charts, and as SVG files that need nothing else. Pure. */
import type { TheoryExperiment, TheoryRecord } from '../core/theory';
import type { Series } from './compareSeries';
import { colourClass, escapeText, lineChart, type LineChart } from './compareSvg';

type Points = Series['points'];

function series(key: number, name: string, points: Points): Series {
  return { key: `${key}`, name, colour: key % 8, dash: key < 8 ? '' : '7 4', points };
}

/** No error is 0 on a logarithmic axis. */
const positive = (y: number | null): number | null => (y !== null && y > 0 ? y : null);
const known = (values: readonly (number | null)[]): number | null => {
  const all = values.filter((v) => v !== null);
  return all.length === 0 ? null : all.reduce((a, b) => a + b, 0) / all.length;
};
const curve = (rows: readonly { beta: number; mean: number | null }[]): Points =>
  rows.map(({ beta, mean }) => ({ x: beta, y: mean }));
const BETA = { name: 'beta' };
const PERPLEXITY = { name: 'perplexity, mean over seeds', scale: 'auto' } as const;

/** One chart or two for each experiment; none while nothing is measured. */
export function theoryCharts(experiment: TheoryExperiment): LineChart[] {
  const { title } = experiment;
  switch (experiment.theorem) {
    case '3.1':
      return [
        {
          title,
          x: { name: 'sparsity' },
          y: { name: 'local error', scale: 'auto' },
          series: experiment.layers.map(({ layer, local }) =>
            series(layer, `layer ${layer + 1}`, at(experiment.rates, local.map(positive))),
          ),
        },
      ];
    case '3.2': {
      const all = experiment.layers.flatMap(({ layer, matrices }) => matrices.map((m) => ({ ...m, layer })));
      const names = [...new Set(all.map(({ matrix }) => matrix))];
      return [
        {
          title: `${title}: bound over measured error, where the bound says something`,
          x: { name: 'layer', whole: true },
          y: { name: 'bound / error', scale: 'auto' as const },
          series: names.flatMap((name, i) => {
            const points = all
              .filter((m) => m.matrix === name && m.vacuous === null)
              .map(({ layer, ratio }) => ({ x: layer + 1, y: positive(ratio) }));
            return points.length > 0 ? [series(i, name, points)] : [];
          }),
        },
        {
          title: `${title}: measured gain`,
          x: { name: 'layer', whole: true },
          y: { name: 'c_i', scale: 'auto' as const },
          level: { value: 1, name: 'no growth' },
          series: experiment.gains.map(({ seed, gain }, i) =>
            series(i, `seed ${seed}`, gain.map((y, layer) => ({ x: layer + 1, y })).slice(1)),
          ),
        },
      ];
    }
    case '3.4':
      return [
        {
          title: `${title}: increase of the cumulative error, a line for each raised layer`,
          x: { name: 'layer measured', whole: true },
          y: { name: 'increase of error', scale: 'auto' },
          series: experiment.layers.map(({ layer, increase }) =>
            series(
              layer,
              `layer ${layer + 1} raised`,
              increase.map((y, j) => ({ x: j + 1, y: j < layer ? null : positive(y) })),
            ),
          ),
        },
      ];
    case '3.5': {
      const rows = [...experiment.orders, ...experiment.shapes];
      return [
        {
          title: `${title}: summed error against perplexity of ${rows.length} schedules`,
          x: { name: 'summed cumulative error, mean over seeds', log: true },
          y: PERPLEXITY,
          series: rows.flatMap((row, i) => {
            const x = known(row.summed);
            return x === null ? [] : [series(i, row.name, [{ x, y: known(row.perplexity) }])];
          }),
        },
        {
          title: `${title}: perplexity of each swap less that of the ascending order`,
          x: { name: 'layer swapped with the next', whole: true },
          y: { name: 'change of perplexity', scale: 'linear' },
          level: { value: 0, name: 'no change' },
          series: (experiment.swaps[0]?.perplexity ?? []).map((_, seed) =>
            series(
              seed,
              `draw ${seed + 1}`,
              experiment.swaps.map(({ layer, perplexity }) => ({
                x: layer + 1,
                y: perplexity[seed] ?? null,
              })),
            ),
          ),
        },
      ];
    }
    case 'lab': {
      const ys = experiment.curve.flatMap(({ mean }) => mean ?? []);
      const predicted = experiment.fit?.predicted;
      const mark =
        predicted === undefined || ys.length === 0
          ? []
          : [
              series(
                1,
                'predicted beta*',
                [Math.min(...ys), Math.max(...ys)].map((y) => ({ x: predicted, y })),
              ),
            ];
      return [
        { title, x: BETA, y: PERPLEXITY, series: [series(0, 'measured', curve(experiment.curve)), ...mark] },
      ];
    }
    case 'convexity':
      return [
        {
          title,
          x: BETA,
          y: { name: 'perplexity', scale: 'auto' },
          series: [
            series(0, 'mean', curve(experiment.curve)),
            ...(experiment.curve[0]?.perplexity ?? []).map((_, i) =>
              series(
                i + 1,
                `draw ${i + 1}`,
                experiment.curve.map(({ beta, perplexity }) => ({ x: beta, y: perplexity[i] ?? null })),
              ),
            ),
          ],
        },
      ];
    case 'proxy':
      return [
        {
          title: `${title}: a point for each pruning`,
          x: { name: 'summed cumulative error', log: true },
          y: { name: 'perplexity', scale: 'auto' },
          series: experiment.points.flatMap(({ name, summed, perplexity }, i) =>
            summed === null || summed <= 0 ? [] : [series(i, name, [{ x: summed, y: perplexity }])],
          ),
        },
      ];
  }
}

function at(xs: readonly number[], ys: readonly (number | null)[]): Points {
  return ys.map((y, i) => ({ x: xs[i] ?? NaN, y }));
}

/** Keys of the lines stand below the chart, where they can be told apart at all. */
const MOST_KEYS = 24;
const KEYS_IN_ROW = 4;
const KEY = { width: 155, height: 18, top: 312 };

function standalone(chart: LineChart): string {
  const keys = chart.series.length <= MOST_KEYS ? chart.series : [];
  const height = KEY.top + Math.ceil(keys.length / KEYS_IN_ROW) * KEY.height;
  const marks = keys.map((s, i) => {
    const [x, y] = [10 + (i % KEYS_IN_ROW) * KEY.width, KEY.top + Math.floor(i / KEYS_IN_ROW) * KEY.height];
    const dash = s.dash ? ` stroke-dasharray="${s.dash}"` : '';
    return `<g class="${colourClass(s)}"><path d="M${x} ${y}h22"${dash}/><circle cx="${x + 11}" cy="${y}" r="2.6"/></g><text x="${x + 28}" y="${y + 4}">${escapeText(s.name)}</text>`;
  });
  return `${lineChart(chart)
    .replace(
      /^<svg viewBox="0 0 (\d+) \d+"/,
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $1 ${height}"`,
    )
    .replace('>', `><style>${STYLE}</style>`)
    .replace('</svg>', `${marks.join('')}</svg>`)}\n`;
}

const COLOURS = ['#1f6feb', '#c2410c', '#15803d', '#7e22ce', '#b91c1c', '#0e7490', '#a16207', '#475569'];
const STYLE = [
  'svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#333}path{fill:none;stroke-width:1.5}',
  '.grid{stroke:#e5e5e5}.axis{stroke:#777}.level{stroke:#777;stroke-dasharray:4 3}',
  ...COLOURS.map((c, i) => `.c-${i} path{stroke:${c}}.c-${i} circle{fill:${c}}`),
].join('');

/** Files by name: `3.1.svg`, and `3.5-2.svg` for a second figure. Experiments without points have none. */
export function theorySvgs({ experiments }: TheoryRecord): Map<string, string> {
  const files = new Map<string, string>();
  for (const experiment of experiments)
    theoryCharts(experiment)
      .filter((chart) => chart.series.some(({ points }) => points.some(({ y }) => y !== null)))
      .forEach((chart, i) => {
        const name = `${experiment.theorem}${i > 0 ? `-${i + 1}` : ''}.svg`;
        files.set(name, standalone(chart));
      });
  return files;
}
