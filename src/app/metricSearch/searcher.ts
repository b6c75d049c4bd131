/** The search for a metric of this page: how much is tried, what was found, and where it is kept between visits. */
import { createStore } from 'zustand/vanilla';
import { LabError } from '../../core/errors';
import { METRIC_SEARCH, type MetricSearchOptions, type MetricSearchReport } from '../../core/metricSearch';
import type { LabSpec } from '../../core/spec';
import { ENGINE_VERSION } from '../../core/version';
import { ObjectStore } from '../history/objectStore';
import type { Lab } from '../lab/lab';
import { runKey } from '../stores/keys';
import { betaOf } from '../stores/legal';
import { prunerParams, withParam } from '../stores/params';
import { runStore } from '../stores/runStore';
import { specStore } from '../stores/specStore';
import { uiStore } from '../stores/uiStore';

export interface SearcherState {
  /** null before the first opening of a visit. */
  options: MetricSearchOptions | null;
  report: MetricSearchReport | null;
  /** Number of the running job. */
  job: number | null;
  /** Why the last one failed: alerts lie behind the dialog. */
  problem: string | null;
}

export const searchStore = createStore<SearcherState>(() => ({
  options: null,
  report: null,
  job: null,
  problem: null,
}));

/** Where the device is slow: a minute with the tokens that the page begins with there. */
const SLOW: Pick<MetricSearchOptions, 'budget' | 'population'> = { budget: 12, population: 5 };

const PRUNER = 'pruner-zero';
const PARAM = 'expression';

const KEY = 'last';
const shelf = new ObjectStore('prunelab-metric-search', 'last');
let restored = false;

export function firstOptions(slow: boolean): MetricSearchOptions {
  return slow ? { ...METRIC_SEARCH, ...SLOW } : { ...METRIC_SEARCH };
}

export function change(part: Partial<MetricSearchOptions>): void {
  searchStore.setState(({ options }) => ({ options: options && { ...options, ...part } }));
}

/** First opening of a visit: what was there before, or a choice to begin with. */
export async function restore(): Promise<void> {
  if (restored) return;
  restored = true;
  searchStore.setState({ options: firstOptions(runStore.getState().boot?.slow ?? false) });
  const stored = await shelf.run('readonly', (store) => store.get(KEY) as IDBRequest<unknown>);
  if (!isOurs(stored) || searchStore.getState().report) return;
  const { budget, population, seed } = stored;
  searchStore.setState({ report: stored, options: { budget, population, seed } });
}

/** Written by this version; what another wrote is searched anew. */
function isOurs(stored: unknown): stored is MetricSearchReport {
  const { schema, version } = (stored ?? {}) as Partial<MetricSearchReport>;
  return schema === 'prunelab.metric-search/1' && version === ENGINE_VERSION;
}

/** Whether a report is of this model under these settings, whatever the metric. */
export function isOf(report: MetricSearchReport, spec: LabSpec, sha256: string): boolean {
  const settings = ({ set, ...rest }: LabSpec): string => {
    const { [PARAM]: _, ...others } = set;
    return runKey({ ...rest, beta: betaOf({ ...rest, set }), pruner: PRUNER, model: '', errorsOn: 'calibration', set: others }); // prettier-ignore
  };
  return report.model.sha256 === sha256 && settings(report.spec) === settings(spec);
}

/** Searches at the rates of the experiment at hand. */
export async function start(lab: Lab): Promise<void> {
  const { options, report: before } = searchStore.getState();
  if (!options) return;
  const { spec } = specStore.getState();
  searchStore.setState({ problem: null, report: null });
  lab.onMetrics = keep;
  const report = await lab.jobs.track('search', 'Metric search', async (job) => {
    searchStore.setState({ job });
    try {
      return await lab.api.searchMetric(job, { ...spec, beta: betaOf(spec) }, options);
    } catch (cause) {
      const { kind, message, remedy } = LabError.from(cause);
      if (kind !== 'CancelledError') searchStore.setState({ problem: `${message} ${remedy ?? ''}`.trim() });
      throw cause;
    }
  });
  if (report) keep(report);
  // One that ended before its first trial has found nothing to take the place of what was there.
  searchStore.setState(({ report: found }) => ({ job: null, report: found ?? before }));
}

function keep(report: MetricSearchReport): void {
  searchStore.setState({ report });
  void shelf.run('readwrite', (store) => store.put(report, KEY));
}

/** What was found so far stays. */
export function stop(lab: Lab): void {
  const { job } = searchStore.getState();
  if (job !== null) lab.api.cancel(job);
}

export function forget(): void {
  searchStore.setState({ report: null, problem: null });
  void shelf.run('readwrite', (store) => store.delete(KEY));
}

/** Makes a metric that of the experiment, and closes the dialog. */
export function use(lab: Lab, expression: string): void {
  const { spec } = specStore.getState();
  const param = prunerParams(runStore.getState().boot, PRUNER).find(({ name }) => name === PARAM);
  if (!param) return;
  uiStore.setState({ dialog: null });
  lab.commit({ pruner: PRUNER, set: withParam(spec.set, param, expression) });
}
