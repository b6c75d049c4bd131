/** What a search has found so far: the best metric, how it came there, and the next best. */
import { useMemo } from 'react';
import type { MetricSearchReport, MetricTrial } from '../../core/metricSearch';
import type { Series } from '../../formats/compareSeries';
import { counted } from '../../core/words';
import { saveJson, type Table } from '../charts/csv';
import { SeriesFigure } from '../compare/SeriesFigure';
import { changePercent, exact, perplexity, rate } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { formulaOf } from './formula';
import { forget, isOf, use } from './searcher';

interface Props {
  report: MetricSearchReport;
  /** The search goes on. */
  busy: boolean;
}

export function Found({ report, busy }: Props) {
  const lab = useLab();
  const { model, spec, trials, best } = report;
  const own = useSpec((state) => state.spec);
  const sha256 = useRun((state) => state.model?.sha256 ?? '');
  const save = (): void =>
    saveJson(report, `prunelab-metric-search-${model.name}.json`.replaceAll(/[^\w.-]+/g, '_'));
  return (
    <>
      <section className="metric-best" aria-label="Best metric">
        <BestMetric report={report} />
        <p className="hint">
          {counted(trials.length, 'metric')} tried on {model.name} at {rate(spec.sparsity)} zeros.
          {!busy && !isOf(report, own, sha256) && (
            <b> The settings have changed since: others may be better now.</b>
          )}
        </p>
        <div className="dialog-actions">
          <button
            type="button"
            className="button primary"
            disabled={busy || best === null}
            onClick={() => best && use(lab, best.expression)}
          >
            Use this metric
          </button>
          <button type="button" className="button small" onClick={save}>
            Save JSON
          </button>
          {!busy && (
            <button type="button" className="button small quiet" onClick={forget}>
              Clear
            </button>
          )}
        </div>
      </section>
      <RunningBest report={report} />
      <Ranking trials={trials} />
    </>
  );
}

function BestMetric({ report: { best, trials } }: { report: MetricSearchReport }) {
  const published = trials[0]?.perplexity ?? null;
  if (!best) return <p>Every model has diverged so far.</p>;
  const isPublished = best.expression === trials[0]?.expression;
  return (
    <>
      <p className="metric-formula">{formulaOf(best.expression)}</p>
      <p className="metric-code">
        <code>{best.expression}</code>
      </p>
      <p>
        Perplexity <b>{perplexity(best.perplexity)}</b> (select text)
        {isPublished
          ? ': this is the published metric, nothing better so far.'
          : published !== null && best.perplexity !== null
            ? `, ${changePercent(best.perplexity / published)} against ${perplexity(published)} of the published metric.`
            : '; the published metric diverged.'}
      </p>
    </>
  );
}

/** The smallest perplexity up to each trial, null before the first that did not diverge. */
function bests(trials: readonly MetricTrial[]): (number | null)[] {
  let best: number | null = null;
  return trials.map(({ perplexity: p }) => (best = p === null || (best !== null && best <= p) ? best : p));
}

function RunningBest({ report: { trials, model } }: { report: MetricSearchReport }) {
  const { series, table } = useMemo(() => {
    const running = bests(trials);
    const best = running.at(-1) ?? null;
    const line: Series = {
      key: 'best',
      name: 'best so far',
      colour: 0,
      dash: '',
      points: running.map((y, i) => ({ x: i + 1, y })),
    };
    const figures: Table = {
      caption: 'Perplexity of the select text under each metric, in the order tried.',
      columns: ['metric', 'perplexity', 'best so far', 'expression'],
      rows: trials.map(({ perplexity: p, expression }, i) => [
        String(i + 1),
        p === null ? 'diverged' : exact(p),
        exact(running[i]),
        expression,
      ]),
      current: best === null ? -1 : trials.findIndex(({ perplexity: p }) => p === best),
    };
    return { series: [line], table: figures };
  }, [trials]);
  return (
    <SeriesFigure
      title="Best metric so far"
      subtitle="Smallest perplexity of the select text, by metrics tried"
      file={`metric-search-${model.name}`}
      axis="metric"
      series={series}
      scales={{ x: 'layer', y: 'auto', steps: true }}
      table={table}
      className="metric-figure"
    />
  );
}

const SHOWN = 10;

/** The best ones, smallest perplexity first. */
function Ranking({ trials }: { trials: readonly MetricTrial[] }) {
  const rows = trials
    .map((trial, index) => ({ ...trial, index }))
    .sort((a, b) => (a.perplexity ?? Infinity) - (b.perplexity ?? Infinity))
    .slice(0, SHOWN);
  return (
    <div className="table-shown metric-table" role="region" aria-label="Metrics by perplexity" tabIndex={0}>
      <table>
        <caption>
          The best {rows.length} of {trials.length} by perplexity of the select text; # is when it was tried
        </caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">perplexity</th>
            <th scope="col" className="name">
              metric
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ index, expression, perplexity: p }, place) => (
            <tr key={index} aria-current={place === 0 && p !== null ? 'true' : undefined}>
              <td>{index + 1}</td>
              <td>{perplexity(p)}</td>
              <td className="formula" title={expression}>
                {formulaOf(expression)}
                {index === 0 && <small> published</small>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
