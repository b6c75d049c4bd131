import type { ReactNode } from 'react';
import type { PerplexityRecord } from '../../core/report';
import { comparePaired } from '../../eval/paired';
import { betaDecimals, changePercent, compact, count, nats, percent, perplexity } from '../format';
import { useErrorView, useRuns } from '../hooks/useResults';
import { useIdle } from '../hooks/useIdle';
import { useRun, useUi } from '../hooks/useLab';
import { isUniform } from '../stores/keys';
import type { RunRecord } from '../stores/runStore';

/** The headline figures, each with what it stands against. */
export function Metrics() {
  const { run, uniform, last } = useRuns();
  const shown = run ?? last;
  const stale = run === null && shown !== null;
  return (
    <section className={`metrics${stale ? ' is-stale' : ''}`} aria-label="Results">
      <PerplexityCard run={shown} />
      <AgainstUniform run={shown} uniform={uniform} stale={stale} />
      <LastLayerError />
      <Zeros run={shown} />
    </section>
  );
}

function Card({
  value,
  tone,
  children,
}: {
  value: ReactNode;
  tone?: 'good' | 'bad' | undefined;
  children: ReactNode;
}) {
  const idle = useIdle(true);
  const pending = idle ? '–' : <span className="skeleton skeleton-figure" />;
  return (
    <div className="card metric">
      <b className={tone}>{value ?? pending}</b>
      <span>{children}</span>
    </div>
  );
}

function PerplexityCard({ run }: { run: RunRecord | null }) {
  const record = run?.report?.perplexity;
  return (
    <Card
      value={
        record && (
          <>
            {perplexity(record.dense)} <i className="arrow">→</i> {perplexity(record.pruned)}
          </>
        )
      }
    >
      perplexity, dense to pruned{record ? <Measured record={record} /> : ' (report text)'}
    </Card>
  );
}

/** On what it was measured, or the range over the seeds; and how far the predictions moved. */
function Measured({ record }: { record: PerplexityRecord }) {
  const { kl, topOne, bySeed, min, max, windows, window } = record;
  const ranged = bySeed && bySeed.length > 1 && typeof min === 'number' && typeof max === 'number';
  return (
    <>
      {ranged
        ? `, ${perplexity(min)} to ${perplexity(max)} over ${bySeed.length} seeds`
        : ` (report text, ${windows} × ${window} tokens)`}
      {typeof kl === 'number' &&
        typeof topOne === 'number' &&
        `; KL ${nats(kl)}, same first choice ${percent(topOne)}`}
    </>
  );
}

function AgainstUniform({
  run,
  uniform,
  stale,
}: {
  run: RunRecord | null;
  uniform: RunRecord | null;
  stale: boolean;
}) {
  const pinned = useUi((state) => state.pinned);
  const own = run?.report?.perplexity;
  const base = uniform?.report?.perplexity;
  if (own && isUniform(run.spec) && pinned === null && !stale) {
    return <Card value="uniform">this run is the one that others are compared with</Card>;
  }
  const against = pinned && pinned !== run ? pinned.report?.perplexity : base;
  const name = pinned && pinned !== run ? `the pinned run (${pinnedLabel(pinned)})` : 'uniform';
  if (own && own.diverged)
    return (
      <Card value="diverged" tone="bad">{`perplexity against ${name} ${perplexity(against?.pruned)}`}</Card>
    );
  if (!own?.pruned || !against?.pruned) return <Card value={null}>{`perplexity against ${name}`}</Card>;
  const paired =
    own.losses?.pruned && against.losses?.pruned
      ? comparePaired(own.losses.pruned, against.losses.pruned)
      : null;
  const ratio = paired?.ratio ?? own.pruned / against.pruned;
  const known = paired !== null && paired.low !== null && paired.high !== null;
  const tone = known && paired.distinguishable ? (ratio < 1 ? 'good' : 'bad') : undefined;
  return (
    <Card value={changePercent(ratio)} tone={tone}>
      {`perplexity against ${name} ${perplexity(against.pruned)}`}
      {known &&
        `, 95\u202f% interval ${changePercent(paired.low ?? 1)} to ${changePercent(paired.high ?? 1)}`}
    </Card>
  );
}

export function pinnedLabel(run: RunRecord): string {
  const { pruner, sparsity, beta, pattern } = run.spec;
  const tilt = pattern === 'free' && beta !== 'auto' ? `, β ${beta.toFixed(betaDecimals(null))}` : '';
  return `${pruner}, ${pattern === 'free' ? percent(sparsity) : pattern}${tilt}`;
}

/** Error at the last layer relative to the dense stream; follows a drag as a preview. */
function LastLayerError() {
  const { run, uniform, last } = useRuns();
  const view = useErrorView();
  const dragged = usePreviewRelative(view.previewBeta !== null);
  const source = run ?? (dragged === null ? last : null);
  const value = dragged ?? relativeAtEnd(source);
  const base = relativeAtEnd(uniform);
  return (
    <Card value={value === null ? null : compact(value)}>
      relative error at the last layer
      {base !== null && ` (uniform ${compact(base)})`}
      {dragged !== null && ', preview'}
    </Card>
  );
}

function relativeAtEnd(run: RunRecord | null): number | null {
  const row = run?.rows.at(-1);
  return row && row.cumulative !== null && row.dense ? row.cumulative / row.dense : null;
}

function usePreviewRelative(dragging: boolean): number | null {
  const row = useRun(({ preview }) => preview?.layers.at(-1) ?? null);
  return dragging && row && row.cumulative !== null && row.dense ? row.cumulative / row.dense : null;
}

function Zeros({ run }: { run: RunRecord | null }) {
  const record = run?.report?.sparsity;
  if (!record) return <Card value={null}>zeros among the weights that may be pruned</Card>;
  const matrices = Object.values(record.matrices);
  const zeros = matrices.reduce((sum, matrix) => sum + matrix.zeros, 0);
  const total = matrices.reduce((sum, matrix) => sum + matrix.count, 0);
  return (
    <Card value={percent(record.achieved, 2)}>
      zeros, {count(zeros)} of {count(total)} (asked {percent(record.requested, 2)})
    </Card>
  );
}
