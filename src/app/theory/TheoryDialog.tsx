/** The paper's claims on trial: each with its statement, its figures and what they say of this model. */
import '../compare/compare.css';
import './theory.css';
import { useEffect } from 'react';
import { useStore } from 'zustand';
import {
  CLAIMS,
  experimentOf,
  THEOREMS,
  type TheoremId,
  type TheoryRecord,
  type Verdict,
} from '../../core/theory';
import { deviceName } from '../../core/words';
import { saveJson } from '../charts/csv';
import { perplexity, rate } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { JobProgress } from '../panels/JobProgress';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import { Results } from './Results';
import { Setup } from './Setup';
import { sizesOf } from './sizes';
import { forget, goesOn, restore, specOf, start, stageOf, stop, theoryStore } from './theorist';

export default function TheoryDialog() {
  const record = useStore(theoryStore, (state) => state.record);
  const problem = useStore(theoryStore, (state) => state.problem);
  useEffect(() => void restore(), []);
  return (
    <Modal title="Theory" wide onClose={() => uiStore.setState({ dialog: null })}>
      <Setup />
      <Control />
      {problem !== null && (
        <p role="alert" className="compare-problem">
          {problem}
        </p>
      )}
      {record && <About record={record} />}
      <div className="theory-claims">
        {THEOREMS.map((theorem) => (
          <Claim key={theorem} theorem={theorem} record={record} />
        ))}
      </div>
    </Modal>
  );
}

/** Whether a trial can begin now, and why not. */
function useReady(): { ready: boolean; reason: string | null } {
  const running = useStore(theoryStore, (state) => state.running);
  const draft = useStore(theoryStore, (state) => state.draft);
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  const pattern = useSpec(({ spec }) => spec.pattern);
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const reason =
    pattern !== 'free'
      ? `Pattern ${pattern} fixes the rate of every layer: choose the free pattern in the experiment.`
      : sparsity <= 0 || sparsity >= 1
        ? 'The theory needs a sparsity between 0 and 1.'
        : null;
  return { ready: ready && draft !== null && running === null && reason === null, reason };
}

function Control() {
  const lab = useLab();
  const running = useStore(theoryStore, (state) => state.running);
  const { ready, reason } = useReady();
  if (!running)
    return (
      <div className="dialog-actions">
        <button
          type="button"
          className="button primary"
          disabled={!ready}
          onClick={() => void start(lab, THEOREMS)}
        >
          Run all seven
        </button>
        {reason !== null && <span className="hint">{reason}</span>}
      </div>
    );
  return (
    <JobProgress job={running.job} label="Theory" className="theory-progress" onStop={() => stop(lab)} />
  );
}

function About({ record }: { record: TheoryRecord }) {
  const { model, device, spec, seeds, densePerplexity, warnings } = record;
  const running = useStore(theoryStore, (state) => state.running);
  const draft = useStore(theoryStore, (state) => state.draft);
  const own = useSpec((state) => state.spec);
  const boot = useRun((state) => state.boot);
  const sha256 = useRun((state) => state.model?.sha256 ?? '');
  const same = running !== null || (draft !== null && goesOn(record, specOf(draft, own, boot), sha256));
  const save = (): void =>
    saveJson(record, `prunelab-theory-${model.name}.json`.replaceAll(/[^\w.-]+/g, '_'));
  return (
    <div className="compare-about">
      <p className="hint">
        Below: {model.name} on {deviceName(device)}, {spec.base.pruner}, {rate(spec.base.sparsity)} zeros,{' '}
        {seeds.length > 1 ? `seeds ${seeds.join(', ')}` : `seed ${seeds[0]}`}; dense perplexity{' '}
        {perplexity(densePerplexity)} (select).
      </p>
      {!same && (
        <p className="hint">
          <b>The settings have changed since:</b> the next trial begins anew and takes the place of these
          results.
        </p>
      )}
      {warnings.map((warning) => (
        <p key={warning} className="hint">
          {warning}
        </p>
      ))}
      <div className="dialog-actions">
        <button type="button" className="button small" onClick={save}>
          Save JSON
        </button>
        {!running && (
          <button type="button" className="button small quiet" onClick={forget}>
            Clear
          </button>
        )}
      </div>
    </div>
  );
}

const RUN = { none: 'Run', part: 'Go on', done: 'Run again' } as const;

function Claim({ theorem, record }: { theorem: TheoremId; record: TheoryRecord | null }) {
  const lab = useLab();
  const { ready } = useReady();
  const draft = useStore(theoryStore, (state) => state.draft);
  const layers = useRun(({ model }) => model?.layers ?? 0);
  const { title, claim } = CLAIMS[theorem];
  const experiment = record && experimentOf(record, theorem);
  const label = RUN[stageOf(record, theorem)];
  return (
    <section className="theory-claim" aria-label={title}>
      <div className="theory-head">
        <h3>{title}</h3>
        <button
          type="button"
          className="button small"
          disabled={!ready}
          aria-label={`${label}: ${title}`}
          onClick={() => void start(lab, [theorem])}
        >
          {label}
        </button>
      </div>
      <p className="claim">{claim}</p>
      {!experiment && draft && <p className="hint">{sizesOf(theorem, layers, draft)}</p>}
      {experiment?.verdict && <Judgement verdict={experiment.verdict} />}
      {experiment && !experiment.done && <p className="hint">Not finished: what is measured so far.</p>}
      {record && experiment && (
        <div className="theory-figures">
          <Results experiment={experiment} record={record} />
        </div>
      )}
    </section>
  );
}

const HOLDS: Readonly<Record<Verdict['holds'], string>> = {
  yes: 'Holds here',
  partly: 'Holds in part',
  no: 'Does not hold here',
  open: 'Cannot be told',
};

function Judgement({ verdict: { holds, text } }: { verdict: Verdict }) {
  return (
    <p className={`theory-verdict is-${holds}`}>
      <b>{HOLDS[holds]}.</b> {text}
    </p>
  );
}
