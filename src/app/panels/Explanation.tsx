import { explain } from '../explain';
import { useIdle } from '../hooks/useIdle';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { useCurve, useLayers, useRuns } from '../hooks/useResults';
import { isUniform } from '../stores/keys';
import { betaOf, usesBeta } from '../stores/legal';
import type { RunRecord } from '../stores/runStore';
import { deviceName } from '../../core/words';

function madeOn({ report }: RunRecord): string {
  if (!report) return '';
  const { device, version } = report;
  const name = deviceName(device);
  return ` (version ${version}${name ? `, ${name.slice(0, 60)}` : ''})`;
}

/** One sentence about the run at hand. */
export function Explanation() {
  const { run, uniform } = useRuns();
  const model = useRun((state) => state.model);
  const lab = useLab();
  const spec = useSpec((state) => state.spec);
  const dragging = useSpec((state) => state.before !== null);
  const idle = useIdle(!dragging);
  const layers = useLayers();
  const { exact, preview, kind, best, ties } = useCurve();
  const swept = (kind === 'exact' ? exact : preview)?.done ?? false;
  const text = explain({
    sparsity: spec.sparsity,
    beta: betaOf(spec),
    cumulative: run?.rows.map((row) => row.cumulative) ?? null,
    uniform: uniform?.rows.map((row) => row.cumulative) ?? null,
    perplexity: run?.report?.perplexity.pruned,
    diverged: run?.report?.perplexity.diverged ?? false,
    uniformPerplexity: uniform?.report?.perplexity.pruned,
    losses: run?.report?.perplexity.losses?.pruned,
    uniformLosses: uniform?.report?.perplexity.losses?.pruned,
    best: swept && best !== null ? { beta: best, ties, preview: kind === 'preview' } : null,
    usesBeta: usesBeta(spec, layers),
    isUniform: isUniform(spec),
  });
  if (run?.stored !== undefined) {
    return (
      <p className="explanation">
        These figures are from {run.stored}
        {madeOn(run)}; nothing was run here.
        {model ? (
          <button type="button" className="button small" onClick={() => void lab.experiments.runAgain()}>
            Run it again
          </button>
        ) : (
          <button type="button" className="button small" onClick={() => lab.experiments.askForBase()}>
            Load the base model
          </button>
        )}
      </p>
    );
  }
  if (!model && idle) {
    return (
      <p className="explanation">
        No model is loaded.
        <button type="button" className="button small" onClick={() => void lab.load({ kind: 'demo' })}>
          Load the demo model
        </button>
      </p>
    );
  }
  if (!run && idle) {
    return (
      <p className="explanation">
        There are no figures for this setting: its run was stopped.
        <button type="button" className="button small" onClick={() => lab.commit()}>
          Run it
        </button>
      </p>
    );
  }
  return <p className="explanation">{text}</p>;
}
