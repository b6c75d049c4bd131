/** What a zero-shot evaluation records: plain, the same in the page, in files and over the worker boundary. */
import type { DeviceRecord, ModelRecord } from './report';
import type { LabSpec } from './spec';

/** The bundled set first, then the tasks of the papers. */
export const ZERO_SHOT_TASKS = [
  'cloze',
  'boolq',
  'rte',
  'hellaswag',
  'winogrande',
  'arc_easy',
  'arc_challenge',
  'openbookqa',
  'piqa',
] as const;
export type ZeroShotTask = (typeof ZERO_SHOT_TASKS)[number];

/**
 * How text becomes tokens. `paper`: no special token is ever added, an empty context is the end-of-text token.
 * `harness`: the tokenizer's own special tokens apply, an empty context is its prefix token.
 */
export const ZERO_SHOT_MODES = ['paper', 'harness'] as const;
export type ZeroShotMode = (typeof ZERO_SHOT_MODES)[number];

/** Documents are shuffled with this seed of Python's generator before a limit is applied. */
export const SHUFFLE_SEED = 42;

/** A mean over items with its standard error: sample standard deviation / sqrt(n), null for a single item. */
export interface Estimate {
  mean: number;
  stderr: number | null;
}

/** What is told of one model on one task. */
export interface TaskScore {
  /** Share of items whose option with the largest log-likelihood is the right one. */
  acc: Estimate;
  /** The same with log-likelihood / characters of the option; null where the task does not define it. */
  accNorm: Estimate | null;
  /** Log-likelihood of the right option minus that of the best other one, nats; null when one is not finite. */
  margin: Estimate | null;
  /** The same of log-likelihoods per character; null as accNorm. */
  marginNorm: Estimate | null;
  /** Two-sided exact p of the task's metric against guessing. */
  chanceP: number;
  /** How often each option was chosen, where every item has the same options; null elsewhere. */
  chosen: number[] | null;
  /** Items with a log-likelihood that is not a finite number. */
  diverged: number;
}

/** Pruned against dense on the same items. */
export interface PairedScore {
  /** Pruned minus dense, in the task's metric. */
  difference: number;
  /** Items right in the dense model only, and in the pruned model only. */
  lost: number;
  gained: number;
  /** McNemar's exact test of the two counts. */
  p: number;
  /** Mean change of the margin with its paired Student t interval of 95 %; null when one is not finite. */
  margin: { mean: number; low: number | null; high: number | null; distinguishable: boolean } | null;
}

/** Log-likelihoods of one item, by option; null where one is not finite. */
export interface ItemRecord {
  /** Line of the file (or row of the parquet file), the first is 1. */
  line: number;
  gold: number;
  /** Tokens of each continuation. */
  tokens: number[];
  dense: (number | null)[];
  pruned?: (number | null)[];
}

export interface TaskRecord {
  task: ZeroShotTask;
  title: string;
  /** 'bundled:moby-dick', the name of a file, or 'hf:owner/name@commit/path'. */
  source: string;
  /** Of the bytes that the documents came in. */
  sha256: string;
  /** Documents there, and how many were scored. */
  documents: number;
  scored: number;
  /** What `difference`, `chanceP` and the verdict are about. */
  metric: 'acc' | 'acc_norm';
  /** Expected accuracy of guessing: mean of 1 / options. */
  chance: number;
  /** Fixed options of every item and the accuracy of always choosing the best of them; null elsewhere. */
  constant: { options: string[]; accuracy: number } | null;
  /** Tokens that were run, and items that were cut from the left to fit the context. */
  tokens: number;
  truncated: number;
  dense: TaskScore;
  pruned?: TaskScore;
  paired?: PairedScore;
  items?: ItemRecord[];
}

/** What was compared with the dense model. */
export type PrunedSubject =
  | { kind: 'spec'; spec: LabSpec; beta: number; sparsity: number }
  | { kind: 'model'; model: ModelRecord; sparsity: number };

export interface ZeroShotRecord {
  schema: 'prunelab.zeroshot/1';
  version: string;
  mode: ZeroShotMode;
  /** Documents of each task at most; null: all, in the order of the file. */
  limit: number | null;
  /** Of the shuffle before a limit. */
  shuffleSeed: number;
  /** Whether the tokenizer puts special tokens around a text: only then do the two modes differ. */
  tokenizerAddsSpecials: boolean;
  model: ModelRecord;
  pruned?: PrunedSubject;
  device: DeviceRecord;
  tasks: TaskRecord[];
  /** Plain average of the tasks' accuracies (acc), as the papers give it; null for a single task. */
  mean: { dense: number; pruned?: number } | null;
  warnings: string[];
}

/** One task as it is asked for; without bytes the bundled set, or the data set of the Hub. */
export interface TaskRequest {
  task: ZeroShotTask;
  /** JSON lines of the data set's own fields. */
  file?: { name: string; bytes: Uint8Array };
  /** Of the Hub's data set. */
  revision?: string;
}

export interface ZeroShotRequest {
  tasks: TaskRequest[];
  mode: ZeroShotMode;
  limit: number | null;
  /** Whether the record holds every item. */
  items: boolean;
}
