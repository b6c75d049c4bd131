import { useEffect, useState } from 'react';
import type { RunReport } from '../../core/report';
import { bytes, percent, perplexity } from '../format';
import type { PastRun } from '../history/runHistory';
import { saveJson } from '../charts/csv';
import { useLab } from '../hooks/useLab';
import { Icon } from '../icons';
import { uiStore } from '../stores/uiStore';
import { Modal } from './Modal';

/** Runs of this browser, to look at or go on from. */
export default function RunsDialog() {
  const lab = useLab();
  const [runs, setRuns] = useState<PastRun[] | null>(null);
  const [kept, setKept] = useState(true);
  const refresh = async (): Promise<void> => {
    setKept(await lab.experiments.history.persistent());
    setRuns(await lab.experiments.history.list());
  };
  useEffect(() => {
    void Promise.all([lab.experiments.history.list(), lab.experiments.history.persistent()]).then(
      ([list, persistent]) => {
        setRuns(list);
        setKept(persistent);
      },
    );
  }, [lab]);
  const close = (): void => uiStore.setState({ dialog: null });
  const open = (run: PastRun): void => {
    close();
    void lab.experiments.openPast(run);
  };
  const total = (runs ?? []).reduce((sum, run) => sum + run.bytes, 0);
  return (
    <Modal title="Past runs" onClose={close}>
      <p className="hint">
        {kept
          ? 'Reports of finished runs, kept in this browser alone. Opening one shows its figures; nothing is run until you ask.'
          : 'This browser refuses storage: the list lasts until the page is closed.'}
      </p>
      {runs !== null && runs.length === 0 && <p>No run has finished yet.</p>}
      {runs !== null && runs.length > 0 && (
        <ul className="runs" aria-label="Past runs">
          {runs.map((run) => (
            <Row
              key={run.key}
              run={run}
              onOpen={() => open(run)}
              onDelete={() => void lab.experiments.history.remove(run.key).then(refresh)}
            />
          ))}
        </ul>
      )}
      {runs !== null && runs.length > 0 && (
        <div className="dialog-actions runs-actions">
          <span className="hint">
            {runs.length} {runs.length === 1 ? 'run' : 'runs'}, {bytes(total)}
          </span>
          <button
            type="button"
            className="button small"
            onClick={() => void lab.experiments.history.clear().then(refresh)}
          >
            Delete all
          </button>
        </div>
      )}
    </Modal>
  );
}

function Row({ run, onOpen, onDelete }: { run: PastRun; onOpen: () => void; onDelete: () => void }) {
  const { report } = run;
  const name = report.model.name === 'demo' ? 'Demo model' : report.model.name;
  const method = methodOf(report);
  const when = new Date(run.savedAt);
  const label = `${name}, ${method}, ${when.toLocaleString()}`;
  const save = (): void => saveJson(report, `prunelab-run-${report.id.slice(0, 12)}.json`);
  return (
    <li>
      <button type="button" className="run-open" aria-label={`Open ${label}`} onClick={onOpen}>
        <b>{name}</b>
        <span className="run-method">{method}</span>
        <span className="run-figure">
          {perplexity(report.perplexity.dense)} → {perplexity(report.perplexity.pruned)}
        </span>
        <time dateTime={when.toISOString()}>
          {when.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}
        </time>
      </button>
      <button
        type="button"
        className="tool"
        aria-label={`Save as JSON: ${label}`}
        title="Save as JSON"
        onClick={save}
      >
        <Icon name="csv" />
      </button>
      <button type="button" className="tool" aria-label={`Delete ${label}`} title="Delete" onClick={onDelete}>
        <Icon name="trash" />
      </button>
    </li>
  );
}

export function methodOf({ spec, allocation }: RunReport): string {
  const beta = allocation?.params['beta'] ?? spec.beta;
  const rate = spec.pattern === 'free' ? percent(spec.sparsity) : spec.pattern;
  const tilt =
    spec.pattern === 'free' && typeof beta === 'number' ? `, β ${Number(beta.toPrecision(4))}` : '';
  return `${spec.pruner}, ${rate}${tilt}`;
}
