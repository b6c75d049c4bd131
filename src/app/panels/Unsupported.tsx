import { useEffect, useState } from 'react';
import { checkSupport, detect, reasonFor, remediesFor, type SupportProblem } from '../lab/support';

/** The page where WebGPU is not to be had: why, and what to do in this browser on this system. */
export function Unsupported() {
  const [problem, setProblem] = useState<SupportProblem>('no-api');
  useEffect(() => {
    let current = true;
    void checkSupport().then((support) => {
      if (current) setProblem(support.ok ? 'no-adapter' : support.problem);
    });
    return () => {
      current = false;
    };
  }, []);
  const { browser, system } = detect(navigator.userAgent);
  return (
    <main className="unsupported">
      <section className="card">
        <h2>The lab needs WebGPU</h2>
        <p className="unsupported-reason">{reasonFor(problem)}</p>
        <h3>
          What to do with {browser} on {system}
        </h3>
        <ol>
          {remediesFor(problem, navigator.userAgent).map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
        <p className="hint">
          Prunelab prunes a language model on your own graphics device and shows what that does to it, layer
          by layer. Without a device there is nothing to show; the same experiments run on the command line
          with <code>node bin/prunelab.js</code>.
        </p>
        <button type="button" className="button primary" onClick={() => location.reload()}>
          Try again
        </button>
      </section>
    </main>
  );
}
