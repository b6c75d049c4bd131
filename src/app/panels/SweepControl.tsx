import { Segments } from '../controls/fields';
import { bytes, duration } from '../format';
import { useLab, useRun, useSpec, useUi } from '../hooks/useLab';
import { useLayers, useSweepKind } from '../hooks/useResults';
import { curveKey } from '../stores/keys';
import { legalize, sweepGrid, usesBeta } from '../stores/legal';
import { uiStore } from '../stores/uiStore';

/** Measures perplexity over the whole range of beta. */
export function SweepControl() {
  const lab = useLab();
  const kind = useSweepKind();
  const spec = useSpec((state) => state.spec);
  const layers = useLayers();
  const negative = useUi((state) => state.negative);
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  const running = useRun(({ jobs }) => jobs.some((job) => job.kind === 'sweep'));
  const prediction = useRun(({ sweepPrediction }) =>
    sweepPrediction?.key === curveKey(spec) ? sweepPrediction : null,
  );
  const legal = legalize(spec, layers);
  const tilts = usesBeta(legal, layers);
  const points = tilts ? sweepGrid(legal, layers, negative).length : 0;
  const useful = points > 1;
  const time = prediction?.seconds != null ? `, about ${duration(prediction.seconds)}` : '';
  return (
    <div className="sweep">
      <button
        type="button"
        className="button wide"
        disabled={!ready || running || !useful}
        onClick={() => void lab.sweep(kind)}
      >
        <span>
          Run sweep
          {useful && (
            <span className="button-detail">
              , {points} points{time}
            </span>
          )}
        </span>
      </button>
      <Segments
        label="Statistics of the sweep"
        value={kind}
        options={[
          { value: 'exact', label: 'Exact' },
          { value: 'preview', label: 'Preview, faster' },
        ]}
        onChange={(sweepKind) => uiStore.setState({ sweepKind })}
      />
      <p className="hint sweep-hint">
        {useful && prediction
          ? `Up to ${bytes(prediction.bytes)} of graphics memory. ${prediction.lever}`
          : ''}
      </p>
    </div>
  );
}
