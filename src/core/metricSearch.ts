/** What a search for a pruning metric is asked and what it finds (schema prunelab.metric-search/1). */
import type { ModelRecord, TextRecord } from './report';
import type { LabSpec } from './spec';

export interface MetricSearchOptions {
  /** Metrics to measure, the published one among them. */
  budget: number;
  /** Metrics that parents are drawn from: the last ones that were tried, as many as this. */
  population: number;
  seed: number;
}

export const METRIC_SEARCH: Readonly<MetricSearchOptions> = { budget: 50, population: 20, seed: 0 };
export const MOST_METRICS = 1_000_000;

export interface MetricTrial {
  expression: string;
  /** Null where the pruned model diverged. */
  perplexity: number | null;
}

export interface MetricSearchResult {
  /** Null where every model diverged. */
  best: MetricTrial | null;
  /** In the order tried, the published metric first. Fewer than the budget in a search that was ended early. */
  trials: MetricTrial[];
}

/** What a search found on a model, as it is written to a file. */
export interface MetricSearchReport extends MetricSearchOptions, MetricSearchResult {
  schema: 'prunelab.metric-search/1';
  version: string;
  model: ModelRecord;
  /** The text whose perplexity is the fitness. */
  select: TextRecord;
  /** The run that the best metric was measured in; its `set` holds the metric. */
  spec: LabSpec;
}
