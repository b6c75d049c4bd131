/** Does reconstruction error predict perplexity? */
import { Rng } from '../../core/rng';
import { PROXIES, type Correlation, type ProxyExperiment, type ProxyName, type ProxyPoint, type TheoryTrial, type Verdict } from '../../core/theory'; // prettier-ignore
import { spearman, spearmanInterval, sumOfAll } from './statistics';
import { figure, percentChange } from './words';

export function proxyPoint(
  name: string,
  trial: TheoryTrial,
  sparsity: number,
  beta: number | null,
): ProxyPoint {
  const { perplexity, cumulative, dense } = trial;
  return {
    name,
    source: 'trial',
    sparsity,
    beta,
    perplexity,
    last: cumulative.at(-1) ?? null,
    summed: sumOfAll(cumulative),
    relative: sumOfAll(
      cumulative.map((error, i) => {
        const by = dense[i] ?? null;
        return error === null || by === null || by === 0 ? null : error / by;
      }),
    ),
  };
}

/** `target`: the sparsity that the points of one mean have. */
export function correlationsOf(points: readonly ProxyPoint[], target: number, seed: number): Correlation[] {
  const groups = {
    all: points.filter((p) => p.source === 'trial'),
    target: points.filter((p) => p.source === 'trial' && Math.abs(p.sparsity - target) < 1e-9),
    runs: points.filter((p) => p.source === 'run'),
  } as const;
  const out: Correlation[] = [];
  for (const among of ['all', 'target', 'runs'] as const)
    for (const proxy of PROXIES) {
      const pairs = groups[among].flatMap((p) => {
        const [x, y] = [p[proxy], p.perplexity];
        return x === null || y === null ? [] : [{ x, y }];
      });
      if (among === 'runs' && pairs.length === 0) continue;
      const [x, y] = [pairs.map((p) => p.x), pairs.map((p) => p.y)];
      const interval = spearmanInterval(x, y, new Rng(seed, `theory ${among} ${proxy}`));
      out.push({
        proxy,
        among,
        points: pairs.length,
        rho: spearman(x, y),
        low: interval?.low ?? null,
        high: interval?.high ?? null,
      });
    }
  return out;
}

/** The beta with the smallest value of each, among the points of the curve (beta >= 0). */
export function picksOf(curve: readonly ProxyPoint[]): ProxyExperiment['picks'] {
  return (['perplexity', ...PROXIES] as const).map((by) => {
    let best: ProxyPoint | null = null;
    for (const point of curve) {
      const value = point[by];
      const least = best?.[by] ?? null;
      if (value !== null && (point.beta ?? -1) >= 0 && (least === null || value < least)) best = point;
    }
    return { by, beta: best?.beta ?? null, perplexity: best?.perplexity ?? null };
  });
}

const NAMES: Readonly<Record<ProxyName, string>> = {
  last: 'error behind the last layer',
  summed: 'summed error',
  relative: 'summed relative error',
};
/** A correlation this high orders most pairs right. */
const STRONG = 0.8;

export function proxyVerdict({
  correlations,
  picks,
}: Pick<ProxyExperiment, 'correlations' | 'picks'>): Verdict {
  const target = correlations.filter((c) => c.among === 'target');
  const all = correlations.filter((c) => c.among === 'all');
  const say = (c: Correlation): string =>
    `${NAMES[c.proxy]} ${figure(c.rho)}${c.low === null ? '' : ` [${figure(c.low)}, ${figure(c.high)}]`}`;
  const chosen = picks.find(({ by }) => by === 'perplexity');
  const best = chosen?.perplexity ?? null;
  const proxies = picks.filter(({ by }) => by !== 'perplexity');
  const cost = (p: ProxyExperiment['picks'][number]): string =>
    p.perplexity === null || best === null ? '' : ` (${percentChange(p.perplexity / best)} perplexity)`;
  const sentences = [
    `Rank correlation with perplexity among ${target[0]?.points ?? 0} prunings to the target sparsity: ${target.map(say).join(', ')}.`,
    `Among all ${all[0]?.points ?? 0}, other sparsities included: ${all.map(say).join(', ')}.`,
    `Perplexity picks beta ${figure(chosen?.beta ?? null)}; ${proxies.map((p) => `the ${NAMES[p.by as ProxyName]} picks ${figure(p.beta)}${cost(p)}`).join(', ')}.`,
  ];
  const runs = correlations.filter((c) => c.among === 'runs');
  if (runs.length > 0)
    sentences.push(`Among ${runs[0]?.points ?? 0} runs made before: ${runs.map(say).join(', ')}.`);
  const lows = target.flatMap((c) => (c.low === null ? [] : [c.low]));
  const same = proxies.filter((p) => p.beta !== null && p.beta === chosen?.beta).length;
  const none = target.every(({ rho }) => rho === null || rho <= 0);
  // An interval that holds 0 cannot tell a weak proxy from none.
  const open = lows.length < PROXIES.length || (!none && lows.every((low) => low <= 0));
  const strong = Math.min(...lows) >= STRONG && same === proxies.length;
  const holds = open ? 'open' : none ? 'no' : strong ? 'yes' : 'partly';
  return { holds, text: sentences.join(' ') };
}
