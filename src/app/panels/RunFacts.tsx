import type { ReactNode } from 'react';
import type { RunReport, TextRecord } from '../../core/report';
import type { TextName } from '../../core/spec';
import { nats, percent, perplexity, scientific } from '../format';
import { useRun } from '../hooks/useLab';
import { openLayer } from '../stores/uiStore';
import { MatrixTable } from './MatrixTable';

/** Gaps below this are of the size of rounding in f32 sums. */
const ROUNDING = 1e-6;

/** What a run rests on and how firm it is; loaded when it is unfolded. */
export default function RunFacts({ report }: { report: RunReport }) {
  const { kl, topOne, bySeed, mean, min, max } = report.perplexity;
  return (
    <>
      <dl>
        {typeof kl === 'number' && typeof topOne === 'number' && (
          <>
            <Row name="KL from dense">
              {nats(kl)} a token: how far the predicted probabilities moved. 0 is the dense model.
            </Row>
            <Row name="Same first choice">
              {percent(topOne, 1)} of the positions have the dense model’s most likely token.
            </Row>
          </>
        )}
        {bySeed && bySeed.length > 1 && (
          <Row name="Over the seeds">
            {mean === null || mean === undefined
              ? 'The perplexity diverged for at least one of the calibration draws.'
              : `Perplexity ${perplexity(mean)} in the mean, from ${perplexity(min)} to ${perplexity(max)} over ${bySeed.length} calibration draws (seeds ${bySeed.map(({ seed }) => seed).join(', ')}).`}
          </Row>
        )}
        <Row name="Nearest tie">{marginText(report)}</Row>
        <Texts report={report} />
        {report.replay && (
          <Row name="Run again">
            {report.replay.sameDevice ? 'On the same device' : 'On another device'},{' '}
            {report.replay.sameMasks === true ? 'with the same masks.' : 'with other masks.'}
          </Row>
        )}
        {report.warnings.length > 0 && (
          <Row name="Warnings">
            <ul>
              {report.warnings.map((warning) => (
                <li key={warning}>{warning}</li>
              ))}
            </ul>
          </Row>
        )}
        <Layers />
        <Row name="Run id">
          <Hash sha256={report.id} /> The same for the same model, texts, settings and engine.
        </Row>
      </dl>
      {report.sparsity && <MatrixTable sparsity={report.sparsity} />}
    </>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A way into every layer, however narrow the charts are. */
function Layers() {
  const loaded = useRun(({ model }) => model?.layers ?? 0);
  if (loaded === 0) return null;
  return (
    <Row name="Look into a layer">
      <span className="layer-list">
        {Array.from({ length: loaded }, (_, layer) => (
          <button
            key={layer}
            type="button"
            className="button"
            aria-label={`Layer ${layer + 1}`}
            aria-haspopup="dialog"
            onClick={() => openLayer(layer)}
          >
            {layer + 1}
          </button>
        ))}
      </span>
    </Row>
  );
}

/** The beginning tells two hashes apart; the whole is in the title and in the report. */
function Hash({ sha256 }: { sha256: string }) {
  return <code title={sha256}>{sha256.slice(0, 12)}</code>;
}

function Texts({ report }: { report: RunReport }) {
  const { leakage } = report;
  return (
    <>
      {(Object.entries(report.texts) as [TextName, TextRecord][]).map(([which, text]) => (
        <Row key={which} name={`${which} text`}>
          {text.source}, {text.windows} {text.windows === 1 ? 'window' : 'windows'} of {text.window} tokens{' '}
          <Hash sha256={text.sha256} />
        </Row>
      ))}
      {leakage && (
        <Row name="Shared passages">
          {leakage.length === 0
            ? 'None: no run of 32 tokens stands in two of the texts.'
            : leakage.map(({ pair, share }) => `${percent(share, 1)} of ${pair[1]} in ${pair[0]}`).join(', ')}
        </Row>
      )}
    </>
  );
}

function marginText({ margin, spec }: RunReport): string {
  if (spec.pattern !== 'free') return 'Not measured for K:M patterns.';
  if (margin === null || margin === undefined)
    return 'No scores were compared: nothing could fall either way.';
  const gap =
    margin === 0
      ? 'Two scores at a threshold are equal'
      : `The closest scores at a threshold are ${scientific(margin)} of their size apart`;
  return margin < ROUNDING
    ? `${gap}. Sums round differently on another device, so a few of its masks may differ there.`
    : `${gap}: more than rounding moves them, so another device should choose the same weights.`;
}
