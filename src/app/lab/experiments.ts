/** Experiments that are opened again, and runs that are kept to be: what is shown, asked for, and said. */
import { LabError } from '../../core/errors';
import type { RunReport } from '../../core/report';
import { bestBeta } from '../../eval/betaChoice';
import type { ModelRequest, ModelSummary } from '../../session/protocol';
import { RunHistory, type PastRun } from '../history/runHistory';
import { curveKey, runKey } from '../stores/keys';
import { legalize } from '../stores/legal';
import { emptyResults, runStore, updateNow } from '../stores/runStore';
import { resetSpec, specStore } from '../stores/specStore';
import { dismissNote, pushAlert, pushNote, uiStore } from '../stores/uiStore';
import { answers, baseOf, compareAgain, pageSpec, storedResults } from './experiment';
import { requestFromFiles, type PickedFile } from './files';
import type { Lab } from './lab';
import type { Runner } from './runner';

type Actions = Pick<Lab, 'api' | 'jobs' | 'load' | 'openExperiment'>;

export class Experiments {
  readonly history = new RunHistory();
  readonly #lab: Actions;
  readonly #runner: Runner;

  constructor(lab: Actions, runner: Runner) {
    this.#lab = lab;
    this.#runner = runner;
  }

  /** Shows the figures at once. Where the loaded model is another one it goes, and the right one is asked for. */
  async open(report: RunReport, source: string, files: PickedFile[]): Promise<void> {
    ['stored', 'again', 'pruned'].forEach(dismissNote);
    const { model, boot } = runStore.getState();
    if (boot && !boot.pruners.some(({ id }) => id === report.spec.pruner)) {
      pushAlert({
        kind: 'SpecError',
        message: `${source} was made with the pruner "${report.spec.pruner}", which this version does not have.`,
        remedy: 'Look at its figures, or choose another pruner.',
        kept: 'Kept: its figures and settings.',
      });
    }
    if (model && model.sha256 === report.model.sha256) {
      this.#show(report, source, model, specStore.getState().spec.model);
    } else {
      await this.#lab.api.unload().catch(() => undefined);
      const base = baseOf(report);
      const hubName = base.kind === 'hub' && `hf:${base.id}${base.revision && `@${base.revision}`}`;
      const spec = pageSpec(report, hubName || report.model.name);
      resetSpec(spec);
      uiStore.setState({ pinned: null });
      updateNow(() => ({ model: null, phase: 'ready', awaiting: { source, report, base }, ...emptyResults(), ...storedResults(report, source, spec), lastMessage: `Opened ${source}` })); // prettier-ignore
      this.askForBase();
    }
    if (files.length > 1) this.#offerPruned(files);
  }

  /** Opens a run of the list. One that an older version kept and this one cannot read is an alert. */
  async openPast(run: PastRun): Promise<void> {
    const source = `the run of ${new Date(run.savedAt).toLocaleString()}`;
    try {
      const { parseStoredReport } = await import('../../core/storedReport');
      await this.#lab.openExperiment(parseStoredReport(source, run.report).report, source);
    } catch (cause) {
      this.#lab.jobs.report(LabError.from(cause));
    }
  }

  /** Loads the model that an opened experiment began with, where that needs no answer, or asks for it. */
  askForBase(): void {
    const base = runStore.getState().awaiting?.base;
    if (base?.kind === 'demo') void this.#lab.load({ kind: 'demo' });
    else if (base?.kind === 'hub')
      uiStore.setState({ dialog: { name: 'hub', id: base.id, revision: base.revision, preview: null } });
    else if (base) uiStore.setState({ dialog: { name: 'base' } });
  }

  /** A model was loaded: true when it is what an experiment waits for, which is then on screen. */
  take(request: ModelRequest, model: ModelSummary, name: string): boolean {
    const { awaiting } = runStore.getState();
    if (!awaiting || !answers(awaiting.base, request)) return false;
    this.#show(awaiting.report, awaiting.source, model, name);
    return true;
  }

  #show(report: RunReport, source: string, model: ModelSummary, name: string): void {
    const spec = legalize(pageSpec(report, name), model.layers);
    resetSpec(spec);
    uiStore.setState({ pinned: null });
    const fits = model.layers === report.model.layers;
    updateNow(() => ({ model, phase: 'ready', awaiting: null, ...emptyResults(), ...(fits && storedResults(report, source, spec)), lastMessage: `Opened ${source}` })); // prettier-ignore
    this.#noteDifferences(report, source, model);
    // A report of an evaluation holds no rows to show.
    if (!fits || !report.errors) void this.#runner.run();
  }

  /** What makes a run here another one than the file's. */
  #noteDifferences(report: RunReport, source: string, model: ModelSummary): void {
    const { boot } = runStore.getState();
    const texts = new Set(Object.values(report.spec.texts).filter((text) => text !== 'bundled'));
    const parts: string[] = [];
    if (model.sha256 !== report.model.sha256)
      parts.push(`The weights loaded here are not those of ${source}: SHA-256 ${model.sha256.slice(0, 12)} here, ${report.model.sha256.slice(0, 12)} there.`); // prettier-ignore
    if (boot && boot.engineVersion !== report.version)
      parts.push(`${source} was made with version ${report.version}, this is ${boot.engineVersion}: figures and masks may differ.`); // prettier-ignore
    if (texts.size > 0)
      parts.push(`It used ${[...texts].join(', ')}: to run it here, give ${texts.size > 1 ? 'these texts' : 'this text'} again under Calibration.`); // prettier-ignore
    if (parts.length > 0) pushNote({ id: 'stored', text: parts.join(' ') });
    model.warnings.forEach((text, i) => pushNote({ id: `model ${i}`, text }));
  }

  #offerPruned(files: PickedFile[]): void {
    if (!files.some(({ path }) => /\.(safetensors|gguf)$/i.test(path))) return;
    const request = requestFromFiles(files);
    pushNote({
      id: 'pruned',
      text: 'The folder is an export: the experiment that it came from is open.',
      action: {
        label: 'Open the pruned model itself',
        run: () => {
          dismissNote('pruned');
          uiStore.setState({ dialog: null });
          updateNow(() => ({ awaiting: null }));
          void this.#lab.load(request);
        },
      },
    });
  }

  /** Runs what a file only told of, and says whether it comes out the same. */
  async runAgain(): Promise<void> {
    const { spec } = specStore.getState();
    const key = runKey(spec);
    const { report, stored: source } = runStore.getState().runs[key] ?? {};
    if (source === undefined || !report) return;
    updateNow(({ runs, curves }) => {
      const { [key]: _run, ...otherRuns } = runs;
      const { [curveKey(spec)]: _curve, ...otherCurves } = curves;
      return { runs: otherRuns, curves: otherCurves, lastShown: null };
    });
    await this.#runner.run();
    const now = runStore.getState().runs[key]?.report;
    if (now) pushNote({ id: 'again', text: compareAgain(report, now, source) });
  }

  /** Keeps a run in the list of past runs, with the curve that was measured for its spec so far. */
  keep(report: RunReport): void {
    const { curves } = runStore.getState();
    const { exact, preview } = curves[curveKey(specStore.getState().spec)] ?? {};
    const known = [exact, preview].find((curve) => curve?.done && curve.stored === undefined);
    const curve = known && {
      text: 'select' as const,
      kind: known.kind,
      best: bestBeta(known.points),
      points: known.points,
    };
    void this.history.put(curve ? { ...report, curve } : report);
  }

  keepWithCurve(): void {
    const run = runStore.getState().runs[runKey(specStore.getState().spec)];
    if (run?.report && run.stored === undefined) this.keep(run.report);
  }
}
