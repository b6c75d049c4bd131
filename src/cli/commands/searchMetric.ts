import { METRIC_SEARCH, MOST_METRICS, type MetricSearchReport } from '../../core/metricSearch';
import { parseNumber } from '../../core/spec';
import { searchMetricFor } from '../../session/metricSearch';
import type { Command } from '../command';
import { describePerplexity } from '../describe';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { openSession, readSpec } from '../session';

const OWN = ['pruner', 'report', 'errors-on', 'spec', 'no-history'];

export const searchMetricCommand: Command = {
  name: 'search-metric',
  usage: 'search-metric <model>',
  summary: 'breeds metrics for the pruner pruner-zero, by perplexity on the select text',
  flags: [...EXPERIMENT_FLAGS.filter((flag) => !OWN.includes(flag)), 'budget', 'population', 'search-seed'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed);
    const count = (name: 'budget' | 'population'): number =>
      parseNumber(`--${name}`, parsed.values.get(name) ?? String(METRIC_SEARCH[name]), {
        min: 1,
        max: MOST_METRICS,
        integer: true,
      });
    const options = {
      budget: count('budget'),
      population: count('population'),
      seed: seedOf(parsed),
    };
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const spec = await readSpec(parsed, lab, 0);
      await session.load(spec.model);
      let best = '';
      const report = await searchMetricFor(lab, spec, options, {
        ...io,
        emit: (event) => {
          if (event.type === 'metricSearch') best = `: ${event.report.best?.expression ?? 'none yet'}`;
          else io.emit(event.type === 'progress' ? { ...event, stage: event.stage + best } : event);
        },
      });
      await finish(report, describeSearch(report));
      return 0;
    } finally {
      session.close();
    }
  },
};

function seedOf(parsed: Parsed): number {
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
  return parseNumber('--search-seed', parsed.values.get('search-seed') ?? String(METRIC_SEARCH.seed), range);
}

const SHOWN = 10;

function describeSearch({ best, trials }: MetricSearchReport): string {
  const [published] = trials;
  const order = [...trials].sort((a, b) => (a.perplexity ?? Infinity) - (b.perplexity ?? Infinity));
  const row = (t: (typeof trials)[number]): string =>
    `${describePerplexity(t.perplexity).padStart(10)}  ${t.expression}${t === published ? '  (published)' : ''}\n`;
  const use = best ? `\nUse it: --pruner pruner-zero --set 'expression=${best.expression}'\n` : '';
  const head = `perplexity  metric   (select text, best ${Math.min(SHOWN, trials.length)} of ${trials.length})\n`;
  return `${head}${order.slice(0, SHOWN).map(row).join('')}${use}`;
}
