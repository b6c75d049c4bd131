import { lazy, Suspense, useState } from 'react';
import { useRuns } from '../hooks/useResults';

const RunFacts = lazy(() => import('./RunFacts'));

/** What a run rests on and how firm it is, in words: folded away, for whoever wants to quote or repeat it. */
export function RunDetails() {
  const { run, last } = useRuns();
  const [open, setOpen] = useState(false);
  const report = (run ?? last)?.report;
  if (!report) return null;
  return (
    <details className="card fold run-details" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Details of this run: divergence from the dense model, texts, zeros by matrix, and what another device
        may change
      </summary>
      {open && (
        <Suspense fallback={null}>
          <RunFacts report={report} />
        </Suspense>
      )}
    </details>
  );
}
