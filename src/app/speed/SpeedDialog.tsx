/** What pruning buys on this adapter: tokens per second and bytes of every storage format, and the verdict in words. */
import { useStore } from 'zustand';
import { FORMAT_WORDS, type SpeedRecord } from '../../core/speed';
import { deviceName } from '../../core/words';
import { saveJson } from '../charts/csv';
import { NumberField } from '../controls/fields';
import { useLab, useRun } from '../hooks/useLab';
import { JobProgress } from '../panels/JobProgress';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import { BreakEvenFigure, FormatsFigure, LayersFigure } from './SpeedFigures';
import './speed.css';
import { PROMPT_TOKENS, speedStore, start, stop } from './speeder';

export default function SpeedDialog() {
  const lab = useLab();
  const { tokens, reps, record, job } = useStore(speedStore);
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  return (
    <Modal title="Speed" wide onClose={() => uiStore.setState({ dialog: null })}>
      <p className="hint">
        The pruned model decodes the same tokens in every storage format, on this adapter, in turns; uniform
        rates stand beside its own. A prompt of {PROMPT_TOKENS} tokens, two runs to warm up.
      </p>
      <form
        className="speed-setup"
        onSubmit={(event) => {
          event.preventDefault();
          void start(lab);
        }}
      >
        <NumberField
          label="Tokens decoded"
          value={tokens}
          min={1}
          max={1024}
          onCommit={(v) => v !== null && speedStore.setState({ tokens: v })}
        />
        <NumberField
          label="Timed runs"
          value={reps}
          min={1}
          max={50}
          onCommit={(v) => v !== null && speedStore.setState({ reps: v })}
        />
        <button type="submit" className="button primary" disabled={!ready || job !== null}>
          Measure
        </button>
      </form>
      {job !== null && <JobProgress job={job} label="Speed" onStop={() => stop(lab)} />}
      {record && <Results record={record} />}
    </Modal>
  );
}

function Results({ record }: { record: SpeedRecord }) {
  const { model, device, protocol, verdict, warnings, fastest } = record;
  const save = (): void => saveJson(record, `prunelab-speed-${model.name.replaceAll(/[^\w.-]+/g, '_')}.json`);
  return (
    <>
      <p className="hint">
        {model.name} on {deviceName(device)}: {protocol.tokens} tokens, {protocol.reps} timed runs of each.
        Generate now reads this pruned model from the format {FORMAT_WORDS[fastest]}.
      </p>
      <FormatsFigure record={record} />
      <section className="speed-verdict" aria-label="What the measurement says">
        {[...verdict, ...warnings].map((words) => (
          <p key={words}>{words}</p>
        ))}
      </section>
      <div className="speed-figures">
        <LayersFigure record={record} />
        {record.breakEven.length > 0 && <BreakEvenFigure record={record} />}
      </div>
      <div className="dialog-actions">
        <button type="button" className="button small" onClick={save}>
          Save JSON
        </button>
      </div>
    </>
  );
}
