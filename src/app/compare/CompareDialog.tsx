/** Methods side by side: what to compare, the queue, the table, the charts laid over each other. */
import './compare.css';
import { useEffect } from 'react';
import { useStore } from 'zustand';
import type { Comparison } from '../../core/comparison';
import { deviceName } from '../../core/words';
import { compareHtml } from '../../formats/compareHtml';
import { compareCsv } from '../../formats/compareTable';
import { saveBlob } from '../charts/csv';
import { useLab, useRun } from '../hooks/useLab';
import { JobProgress } from '../panels/JobProgress';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import { CompareCharts } from './CompareCharts';
import { CompareTable } from './CompareTable';
import { compareStore, forget, missingRows, restore, resume, stop } from './comparer';
import { Setup } from './Setup';

export default function CompareDialog() {
  const lab = useLab();
  const comparison = useStore(compareStore, (state) => state.comparison);
  const job = useStore(compareStore, (state) => state.job);
  useEffect(() => void restore(), []);
  return (
    <Modal title="Compare methods" wide onClose={() => uiStore.setState({ dialog: null })}>
      <Setup />
      {job !== null && <JobProgress job={job} label="Comparison" onStop={() => stop(lab)} />}
      {comparison && job === null && <Interrupted comparison={comparison} />}
      {comparison && comparison.rows.length > 0 && (
        <>
          <About comparison={comparison} />
          <p className="hint">
            Smaller is better. Under a perplexity: the change against the first row of its sparsity, with the
            paired 95&#8239;% interval.
          </p>
          <CompareTable comparison={comparison} />
          <Exports comparison={comparison} running={job !== null} />
          <CompareCharts comparison={comparison} />
        </>
      )}
    </Modal>
  );
}

function Interrupted({ comparison }: { comparison: Comparison }) {
  const lab = useLab();
  const ready = useRun(({ phase, model }) => phase === 'ready' && model?.sha256 === comparison.model.sha256);
  const missing = missingRows(comparison);
  if (missing <= 0) return null;
  return (
    <div className="job-progress">
      <p>
        {comparison.rows.length} of {comparison.rows.length + missing}{' '}
        {comparison.rows.length === 1 ? 'rows is' : 'rows are'} done.{' '}
        {ready ? 'They are kept.' : `Load ${comparison.model.name} to go on.`}
      </p>
      <button type="button" className="button small" disabled={!ready} onClick={() => void resume(lab)}>
        Resume
      </button>
    </div>
  );
}

function About({ comparison }: { comparison: Comparison }) {
  const { model, device, texts, dense, spec, warnings } = comparison;
  const seeds = spec.base.seeds ?? [spec.base.seed];
  return (
    <div className="compare-about">
      <p className="hint">
        {model.name} on {deviceName(device)}. Calibration {texts.calibration.windows} ×{' '}
        {texts.calibration.window} tokens, select {texts.select.windows} × {texts.select.window}, report{' '}
        {texts.report.windows} × {texts.report.window};{' '}
        {seeds.length > 1 ? `${seeds.length} calibration seeds` : `seed ${seeds[0]}`}. Dense perplexity{' '}
        {dense.select.perplexity?.toFixed(2) ?? 'diverged'} (select),{' '}
        {dense.report.perplexity?.toFixed(2) ?? 'diverged'} (report).
      </p>
      {warnings.map((warning) => (
        <p key={warning} className="hint">
          {warning}
        </p>
      ))}
    </div>
  );
}

function Exports({ comparison, running }: { comparison: Comparison; running: boolean }) {
  const name = `prunelab-compare-${comparison.model.name.replaceAll(/[^\w.-]+/g, '_')}`;
  const save = (text: string, type: string, end: string): void =>
    saveBlob(new Blob([text], { type }), `${name}.${end}`);
  return (
    <div className="dialog-actions">
      <button
        type="button"
        className="button small"
        onClick={() => save(compareCsv(comparison), 'text/csv', 'csv')}
      >
        Save CSV
      </button>
      <button
        type="button"
        className="button small"
        onClick={() => save(`${JSON.stringify(comparison, null, 2)}\n`, 'application/json', 'json')}
      >
        Save JSON
      </button>
      <button
        type="button"
        className="button small"
        onClick={() => save(compareHtml(comparison), 'text/html', 'html')}
      >
        Save HTML report
      </button>
      {!running && (
        <button type="button" className="button small quiet" onClick={forget}>
          Clear
        </button>
      )}
    </div>
  );
}
