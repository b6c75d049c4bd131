/** What the figures of the theory hold: lines, marks and tables of an experiment, finished or not. Pure. */
import type {
  BoundExperiment,
  CurveRow,
  GridShape,
  LayerCurve,
  MonotoneExperiment,
  OrderExperiment,
  ProxyExperiment,
  ProxyName,
  SpreadExperiment,
} from '../../core/theory';
import { COLOURS, DASHES, UNIFORM_COLOUR, type Series } from '../../formats/compareSeries';
import type { Table } from '../charts/csv';
import { exact } from '../format';

type Numbers = readonly (number | null)[];

/** A figure of a table; what diverged says so. */
export const cell = (value: number | null | undefined): string =>
  value === null ? 'diverged' : exact(value ?? undefined);

/** Four digits, for sentences. */
export const digits = (value: number): string => String(Number(value.toPrecision(4)));

/** Colour, then kind of line. */
function style(index: number): Pick<Series, 'colour' | 'dash'> {
  return { colour: index % COLOURS, dash: DASHES[Math.floor(index / COLOURS) % DASHES.length] ?? '' };
}

/** Neighbouring layers share a colour of a ramp from the first to the last and differ in their dashes. */
function rampStyle(index: number, all: number): Pick<Series, 'colour' | 'dash'> {
  const colour = Math.min(COLOURS - 1, Math.floor((index * COLOURS) / all));
  const first = Math.ceil((colour * all) / COLOURS);
  return { colour, dash: DASHES[(index - first) % DASHES.length] ?? '' };
}

/** f_i(s), by sparsity; `all`: layers of the model. */
export function localErrors(
  layers: readonly Pick<LayerCurve, 'layer' | 'local'>[],
  rates: readonly number[],
  all: number,
): Series[] {
  return layers.map(({ layer, local }) => ({
    key: `layer ${layer + 1}`,
    name: `layer ${layer + 1}`,
    ...rampStyle(layer, all),
    points: local.map((y, i) => ({ x: rates[i] ?? 0, y })),
  }));
}

/** Errors of one layer's matrices, by sparsity. */
export function matrixErrors({ matrices }: LayerCurve, rates: readonly number[]): Series[] {
  return matrices.map(({ matrix, error }, i) => ({
    key: matrix,
    name: matrix,
    ...style(i),
    points: error.map((y, k) => ({ x: rates[k] ?? 0, y })),
  }));
}

/** The proof's inner products between neighbouring rates as shares of the larger error, by the upper rate. */
export function innerProducts({ matrices }: LayerCurve, rates: readonly number[]): Series[] {
  return matrices.map(({ matrix, inner, error }, i) => ({
    key: matrix,
    name: matrix,
    ...style(i),
    points: inner.map((y, k) => {
      const by = Math.max(error[k] ?? 0, error[k + 1] ?? 0);
      return { x: rates[k + 1] ?? 0, y: by > 0 ? y / by : null };
    }),
  }));
}

/** Share of rows whose error falls between neighbouring rates, over all layers, by the upper rate. */
export function violatingRows({ layers, rates }: MonotoneExperiment): Series[] {
  const names = [...new Set(layers.flatMap((l) => l.matrices.map((m) => m.matrix)))];
  return names.map((name, i) => {
    const own = layers.flatMap((l) => l.matrices.filter((m) => m.matrix === name));
    const rows = own.reduce((sum, m) => sum + m.rows, 0);
    return {
      key: name,
      name,
      ...style(i),
      points: rates.slice(1).map((x, k) => ({
        x,
        y: own.reduce((sum, m) => sum + (m.violating[k] ?? 0), 0) / Math.max(1, rows),
      })),
    };
  });
}

/** One row for each matrix: steps in which the error, the inner product or a row goes the wrong way. */
export function monotoneTable(layers: readonly LayerCurve[], caption: string): Table {
  return {
    caption,
    columns: ['matrix', 'steps', 'error falls', 'negative inner products', 'violating rows', 'share of rows'],
    rows: layers.flatMap(({ layer, matrices }) =>
      matrices.map(({ matrix, error, inner, violating, rows }) => {
        const steps = inner.length;
        const bad = violating.reduce((sum, n) => sum + n, 0);
        const falls = error.filter((value, k) => k > 0 && value < (error[k - 1] ?? 0)).length;
        const negative = inner.filter((value) => value < 0).length;
        return [`layer ${layer + 1} ${matrix}`, steps, falls, negative, bad, exact(bad / (rows * steps))].map(String); // prettier-ignore
      }),
    ),
  };
}

export const VACUOUS = 'vacuous';

/** Bound over error by layer, a series for each matrix; what is vacuous lies below the rest, as one of its own. */
export function boundRatios({ layers }: BoundExperiment): Series[] {
  const known = layers.flatMap((l) => l.matrices.flatMap(({ ratio }) => (ratio ? [ratio] : [])));
  const floor = known.length > 0 ? Math.min(...known) / 3 : 0.1;
  const series = byMatrix(layers, (m) => (m.vacuous === null && m.ratio ? m.ratio : null));
  const empty = layers.flatMap(({ layer, matrices }) =>
    matrices.some((m) => m.vacuous !== null) ? [{ x: layer + 1, y: floor }] : [],
  );
  const drawn = series.filter(({ points }) => points.some(({ y }) => y !== null));
  if (empty.length === 0) return drawn;
  return [
    ...drawn,
    {
      key: VACUOUS,
      name: '× vacuous for a matrix or more: no bound',
      colour: UNIFORM_COLOUR,
      dash: '',
      points: empty,
    },
  ];
}

/** |2 cross| over the two terms that are kept, by layer. */
export function crossShares({ layers }: BoundExperiment): Series[] {
  return byMatrix(layers, (m) => m.crossShare);
}

function byMatrix(
  layers: BoundExperiment['layers'],
  of: (matrix: BoundExperiment['layers'][number]['matrices'][number]) => number | null,
): Series[] {
  const names = [...new Set(layers.flatMap((l) => l.matrices.map((m) => m.matrix)))];
  return names.map((name, i) => ({
    key: name,
    name,
    ...style(i),
    points: layers.flatMap(({ layer, matrices }) =>
      matrices.filter((m) => m.matrix === name).map((m) => ({ x: layer + 1, y: of(m) })),
    ),
  }));
}

export function boundTable({ layers }: BoundExperiment, caption: string): Table {
  return {
    caption,
    columns: ['matrix', 'shape', 'sigma min', 'input error', 'bound', 'error', 'bound / error', 'vacuous', 'first term', 'second term', '2 cross', 'cross share'], // prettier-ignore
    rows: layers.flatMap(({ layer, matrices }) =>
      matrices.map((m) => [
        `layer ${layer + 1} ${m.matrix}`,
        `${m.rows} × ${m.cols}`,
        exact(m.sigmaMin),
        exact(m.inputError),
        exact(m.bound),
        exact(m.error),
        exact(m.ratio),
        m.vacuous ?? '',
        exact(m.first),
        exact(m.second),
        exact(2 * m.cross),
        exact(m.crossShare),
      ]),
    ),
  };
}

/** c_i by layer, a line for each seed. */
export function gainLines(gains: BoundExperiment['gains']): Series[] {
  return gains.map(({ seed, gain }, i) => ({
    key: String(seed),
    name: `seed ${seed}`,
    ...style(i),
    points: gain.flatMap((y, layer) => (layer === 0 ? [] : [{ x: layer + 1, y }])),
  }));
}

/** Mean and seeds of a curve over beta. */
export function curveLines(curve: readonly CurveRow[], seeds: readonly number[]): Series[] {
  const bySeed = seeds.map((seed, i) => ({
    key: `seed ${seed}`,
    name: `seed ${seed}`,
    colour: UNIFORM_COLOUR,
    dash: DASHES[1 + (i % (DASHES.length - 1))] ?? '',
    points: curve.map(({ beta, perplexity }) => ({ x: beta, y: perplexity[i] ?? null })),
  })) satisfies Series[];
  const mean: Series = {
    key: 'mean',
    name: seeds.length > 1 ? 'mean over the seeds' : `seed ${seeds[0] ?? 0}`,
    colour: 0,
    dash: '',
    points: curve.map(({ beta, mean: y }) => ({ x: beta, y })),
  };
  return seeds.length > 1 ? [...bySeed, mean] : [mean];
}

/** Second differences of one grid: mean and seeds, over beta. */
export function differenceLines({ differences }: GridShape, seeds: readonly number[]): Series[] {
  const rows = differences.map(({ beta, bySeed, mean }) => ({ beta, perplexity: bySeed, mean }));
  return curveLines(rows, seeds);
}

export function differenceTable(
  { differences }: GridShape,
  seeds: readonly number[],
  caption: string,
): Table {
  const several = seeds.length > 1;
  return {
    caption,
    columns: [
      'beta',
      'mean',
      'standard deviation',
      'below 0',
      ...(several ? seeds.map((s) => `seed ${s}`) : []),
    ],
    rows: differences.map((d) => [
      exact(d.beta),
      cell(d.mean),
      exact(d.spread),
      d.below ? 'yes' : 'no',
      ...(several ? d.bySeed.map(cell) : []),
    ]),
  };
}

export type Harm = 'relativeArea' | 'area' | 'perplexity';

/** What raising a layer does, by that layer. */
export function harmLine({ layers }: SpreadExperiment, harm: Harm, name: string): Series[] {
  return [
    { key: harm, name, colour: 0, dash: '', points: layers.map((l) => ({ x: l.layer + 1, y: l[harm] })) },
  ];
}

/** Swapped less ascending by the first layer of the pair, a series for each seed. */
export function swapLines(
  { swaps }: OrderExperiment,
  seeds: readonly number[],
  of: 'perplexity' | 'summed' | 'last',
): Series[] {
  return seeds.map((seed, i) => ({
    key: String(seed),
    name: `seed ${seed}`,
    ...style(i),
    points: swaps.map((swap) => ({ x: swap.layer + 1, y: swap[of][i] ?? null })),
  }));
}

const SIGNS = new Map<number | null, string>([
  [1, 'worse'],
  [-1, 'better'],
  [0, 'equal'],
  [null, 'diverged'],
]);

export function swapTable({ swaps }: OrderExperiment, seeds: readonly number[], caption: string): Table {
  return {
    caption,
    columns: ['layers', 'predicted', 'observed', 'beyond the seeds', ...seeds.flatMap((s) => [`perplexity, seed ${s}`, `summed error, seed ${s}`, `last error, seed ${s}`])], // prettier-ignore
    rows: swaps.map((swap) => [
      `${swap.layer + 1} and ${swap.layer + 2}`,
      'worse',
      SIGNS.get(swap.sign) ?? '',
      swap.distinct ? 'yes' : 'no',
      ...seeds.flatMap((_, i) => [cell(swap.perplexity[i]), cell(swap.summed[i]), cell(swap.last[i])]),
    ]),
  };
}

/** Error against perplexity, by where a point comes from. */
export function proxyPoints({ points }: ProxyExperiment, proxy: ProxyName, target: number): Series[] {
  const groups = [
    { key: 'target', name: 'at the target sparsity', colour: 0 },
    { key: 'other', name: 'at other sparsities', colour: 1 },
    { key: 'run', name: 'earlier runs, report text', colour: 4 },
  ];
  const groupOf = (p: ProxyExperiment['points'][number]): string =>
    p.source === 'run' ? 'run' : Math.abs(p.sparsity - target) < 1e-9 ? 'target' : 'other';
  return groups.flatMap((group) => {
    const own = points.filter((p) => groupOf(p) === group.key);
    const drawn = own.flatMap((p) => {
      const x = p[proxy];
      return x !== null && x > 0 ? [{ x, y: p.perplexity }] : [];
    });
    return drawn.length > 0 ? [{ ...group, dash: '', points: drawn }] : [];
  });
}

export function proxyTable({ points }: ProxyExperiment, caption: string): Table {
  return {
    caption,
    columns: ['pruning', 'sparsity', 'beta', 'last layer', 'summed', 'summed shares', 'perplexity'],
    rows: points.map((p) => [p.name, exact(p.sparsity), exact(p.beta), cell(p.last), cell(p.summed), cell(p.relative), cell(p.perplexity)]), // prettier-ignore
  };
}

/** Increase of each layer's error by the layer raised: [raised][measured], as shares of the dense output or plain. */
export function spreadCells(
  { base, layers }: SpreadExperiment,
  shares: boolean,
): { layer: number; values: Numbers }[] {
  return layers.map(({ layer, increase }) => ({
    layer,
    values: increase.map((value, j) => {
      const by = base?.dense[j];
      if (!shares || value === null) return value;
      return by ? value / by : null;
    }),
  }));
}
