/** The search for a metric of Pruner-Zero: how much is tried, what was found so far, and its use. */
import '../compare/compare.css';
import './metricSearch.css';
import { useEffect } from 'react';
import { useStore } from 'zustand';
import { MOST_METRICS, type MetricSearchOptions } from '../../core/metricSearch';
import { deviceName } from '../../core/words';
import { NumberField } from '../controls/fields';
import { rate } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { JobProgress } from '../panels/JobProgress';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import { Found } from './Found';
import { change, restore, searchStore, start, stop } from './searcher';

export default function MetricSearchDialog() {
  const lab = useLab();
  const { options, report, job, problem } = useStore(searchStore);
  useEffect(() => void restore(), []);
  return (
    <Modal title="Search metric" wide onClose={() => uiStore.setState({ dialog: null })}>
      <About />
      {options && <Setup options={options} busy={job !== null} />}
      {job !== null && <JobProgress job={job} label="Metric search" onStop={() => stop(lab)} />}
      {problem !== null && (
        <p role="alert" className="compare-problem">
          {problem}
        </p>
      )}
      {report && <Found report={report} busy={job !== null} />}
    </Modal>
  );
}

function About() {
  const spec = useSpec((state) => state.spec);
  const boot = useRun((state) => state.boot);
  const which = boot?.device.software ? 'a software adapter' : boot && deviceName(boot.device);
  return (
    <p className="hint">
      Metrics are bred from W, the size of a weight, G, the size of its gradient, and X, the energy of its
      input. Each prunes the clean model as in the experiment ({rate(spec.sparsity)} zeros, {spec.samples} ×{' '}
      {spec.window ?? 'up to 256'} calibration tokens); the perplexity of the select text decides.
      {boot?.slow && ` On ${which} the search begins small.`}
    </p>
  );
}

const FIELDS = [
  { name: 'budget', label: 'Metrics to try', min: 1, max: MOST_METRICS },
  { name: 'population', label: 'Population', min: 1, max: MOST_METRICS },
  { name: 'seed', label: 'Seed', min: 0, max: Number.MAX_SAFE_INTEGER },
] as const;

function Setup({ options, busy }: { options: MetricSearchOptions; busy: boolean }) {
  const lab = useLab();
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  return (
    <form
      className="metric-setup"
      onSubmit={(event) => {
        event.preventDefault();
        void start(lab);
      }}
    >
      {FIELDS.map(({ name, ...field }) => (
        <NumberField
          key={name}
          {...field}
          value={options[name]}
          onCommit={(value) => value !== null && change({ [name]: value })}
        />
      ))}
      <button type="submit" className="button primary" disabled={!ready || busy}>
        Start search
      </button>
      <p className="hint">{plan(options)}</p>
    </form>
  );
}

/** What the numbers mean, in words. */
function plan({ budget, population }: MetricSearchOptions): string {
  const random = Math.min(budget, population) - 1;
  const first = 'The published metric comes first';
  if (budget === 1) return `${first}, and is all.`;
  if (budget <= population) return `${first}; the rest is random, and none is bred.`;
  const then = `children of the last ${population} follow`;
  return random > 0 ? `${first}, then ${random} random ones; ${then}.` : `${first}; ${then}.`;
}
