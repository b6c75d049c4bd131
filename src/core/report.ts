/** The report of a run (schema prunelab.run/1) and its parts: plain records that travel between worker, page and file. */
import type { LabSpec, TextName } from './spec';

/** Sums over all tokens of squared distances at a block's output (docs/methods.md, reconstruction error). */
export interface LayerErrors {
  local: number | null;
  inPlace: number | null;
  inherited: number | null;
  cumulative: number | null;
  cross: number | null;
  dense: number | null;
}

export type StatsKind = 'exact' | 'preview';

/** How far predictions have moved from the dense model's; means weigh every window the same, as perplexity does. */
export interface Divergence {
  /** Mean of KL(dense, pruned) over the scored positions, in nats; null when the model diverged. */
  kl: number | null;
  /** Share of scored positions where both put the same token first; null when the model diverged. */
  topOne: number | null;
}

/** One calibration draw among several. */
export interface SeedFigures extends Divergence {
  seed: number;
  /** SHA-256 of this draw's ids. */
  calibration: string;
  perplexity: number | null;
  diverged?: true;
  /** Mean token loss of each evaluation window, in nats. */
  losses?: number[];
}

/** Perplexities of several calibration draws; what cannot be said because one diverged is null. */
export interface SeedRange {
  bySeed: SeedFigures[];
  /** Arithmetic mean of the perplexities. */
  mean: number | null;
  min: number | null;
  max: number | null;
}

export interface CurvePoint extends Partial<Divergence>, Partial<SeedRange> {
  beta: number;
  /** Of the main seed; null when it diverged. */
  perplexity: number | null;
  diverged?: true;
  /** What the main seed took. */
  ms?: number;
  work?: WorkCount;
  sparsity: number[];
  cumulative: number[] | null;
  /** Mean token loss of each evaluation window, in nats: for paired comparisons. */
  losses?: number[];
}

/** What was asked of the GPU, counted as it was recorded. How work is cut depends on the device's speed. */
export interface WorkCount {
  dispatches: number;
  submits: number;
  /** Round trips: the GPU's results awaited by the host. */
  readbacks: number;
  /** Steps that the processor took for the GPU: masks chosen or solved, statistics of a layer joined. */
  cpuStages: number;
  flops: number;
  /** What operations must read and write, copies, clears and uploads included. */
  bytes: number;
}

/** Bytes of GPU buffers: at the peak as planned from shapes, and as counted since the model was loaded. */
export interface MemoryRecord {
  predictedBytes: number;
  peakBytes: number;
  /** The prediction by purpose; absent in older reports, like what follows. */
  predictedByKind?: Record<string, number>;
  /** An estimate of host memory beside it: outputs that wait there, what is kept for later runs, solvers at work. */
  predictedHostBytes?: { streams: number; kept: number; solver: number };
}

export interface Curve {
  text: 'select';
  kind: StatsKind;
  best: number | null;
  /** What `best` is the smallest of: the perplexity, or its mean over the seeds where several were measured. */
  chosenBy?: 'perplexity' | 'mean';
  points: CurvePoint[];
  /** Betas whose paired difference to the best cannot be told from zero (95 % interval), the best included. */
  ties?: number[];
}

export interface TextRecord {
  source: string;
  sha256: string;
  windows: number;
  window: number;
  tokens: number;
}

export interface DeviceRecord {
  vendor: string;
  architecture: string;
  description: string;
  software: boolean;
  features: string[];
  backend: 'chrome' | 'dawn-node';
  /** Kernels by class of shapes, where they were measured here; absent where the engine's own order decides alone. */
  kernels?: Record<string, string>;
}

export interface ModelRecord {
  name: string;
  architecture: string;
  layers: number;
  hidden: number;
  parameters: number;
  prunable: number;
  dtype: string;
  sha256: string;
  /** Of a model of the Hub: `hf:owner/name@commit`, and the commit that was read. */
  source?: string;
  commit?: string;
}

/** Of the pruned model, `kl` and `topOne` against the dense one; ranges where several seeds were asked for. */
export interface PerplexityRecord extends Partial<Divergence>, Partial<SeedRange> {
  dense: number | null;
  pruned?: number | null;
  text: 'report';
  windows: number;
  window: number;
  diverged?: true;
  /** Per-window mean losses behind the two figures. */
  losses?: { dense: number[]; pruned?: number[] };
}

export interface AllocationRecord {
  id: string;
  params: Record<string, number | boolean | string>;
  sparsity: number[];
  /** Asked of each prunable tensor by name, where the rates of a block's matrices differ. */
  matrices?: Record<string, number>;
  /** What has a rate of its own. */
  per?: 'layer' | 'matrix' | 'row';
  betaMax: number | null;
  /** Rates that left their bounds and were put on them. */
  clamped?: number;
  /** Mean of the rates asked for, weighted by size: away from the target where rates were clamped. */
  nominalMean?: number;
  /** Small numbers behind the choice, by name: OWL's shares of outliers, AlphaPruning's exponents. */
  facts?: Record<string, number[]>;
  /** Why the method did not do what its name says. */
  fallback?: string;
  search?: SearchRecord;
}

/** A search for rates: every trial prunes the clean model and measures the select text. */
export interface SearchRecord {
  kind: 'beta' | 'bayesian' | 'dsa';
  /** Trials allowed. */
  budget: number;
  /** In the order made. */
  trials: SearchTrial[];
  /** Index of the best trial, null where all diverged. */
  best: number | null;
  /** Work of all trials together, in forward passes of the select text through the model. */
  passes?: number;
}

export interface SearchTrial {
  /** Of the select text; null when it diverged. */
  perplexity: number | null;
  ms: number;
  /** Rates of the layers. */
  rates: number[];
  /** The expression tried. */
  expression?: string;
  beta?: number;
}

export interface SparsityRecord {
  requested: number;
  achieved: number;
  layers: number[];
  matrices: Record<string, { zeros: number; count: number }>;
  /** The parts of fused matrices (query, key and value in one tensor), by tensor and part. */
  parts?: Record<string, Record<string, { zeros: number; count: number }>>;
}

/** What a solver used for one matrix, and reached. */
export interface SolverNote {
  /** Damping as a fraction of the mean diagonal, after retries. */
  damping?: number;
  retries?: number;
  iterations?: number;
  /** ||(W - W') X||^2 / ||W X||^2 of the calibration inputs, before rounding to the file's dtype. */
  relativeError?: number;
}

export interface ErrorsRecord {
  text: TextName;
  tokens: number;
  hidden: number;
  kind: StatsKind;
  diverged?: true;
  layers: LayerErrors[];
}

/** Tokens of one text that stand in another, which they must not: windows, and runs of `gram` tokens. */
export interface Leak {
  /** The text that was looked through, then the one whose tokens were found there. */
  pair: [TextName, TextName];
  /** Share of the second text's runs of `gram` tokens that occur in the first. */
  share: number;
  /** Windows of the second text that are windows of the first. */
  windows: number;
  gram: number;
}

/** A run repeated from a stored report, against that report; kept where the device or a mask differs. */
export interface Replay {
  /** Id of the stored report. */
  of: string;
  sameDevice: boolean;
  /** null where the stored report holds no mask hashes. */
  sameMasks: boolean | null;
  /** Matrices compared and how many of them have another mask. */
  matrices: number;
  differingMatrices: number;
  /** Share of all prunable weights that are zero in one model only; absent without the stored weights. */
  differing?: number;
  /** The same of each matrix where it is not 0. */
  byMatrix?: Record<string, number>;
  /** The smallest relative score gap at a threshold in the two runs: how near a tie the choice of a weight was. */
  margin: number | null;
}

/** What was written where that is not what was computed with: opened anew and measured on the report text. */
export interface ExportedRecord {
  format: 'gguf';
  /** Type of the matrices. */
  type: string;
  /** null when it diverged. */
  perplexity: number | null;
  diverged?: true;
}

/** What an export has really removed: its files hold a smaller model than the one that the rest of the report is of. */
export interface StructuredRecord {
  /** Key/value heads (each with its queries) and MLP channels that are gone, 0-based and ascending, by layer. */
  heads: number[][];
  channels: number[][];
  parameters: { before: number; after: number };
  /** Of the weight files. */
  bytes: { before: number; after: number };
  /** Keys of config.json that changed; null where there was none. */
  config: Record<string, { before: number | null; after: number }>;
}

export interface RunReport {
  schema: 'prunelab.run/1';
  id: string;
  version: string;
  spec: LabSpec;
  model: ModelRecord;
  device: DeviceRecord;
  texts: Record<TextName, TextRecord>;
  allocation?: AllocationRecord;
  sparsity?: SparsityRecord;
  errors?: ErrorsRecord;
  perplexity: PerplexityRecord;
  curve?: Curve;
  exported?: ExportedRecord;
  structured?: StructuredRecord;
  /** Smallest relative score gap at a threshold over all comparison groups, null when nothing was compared. */
  margin?: number | null;
  /** What solvers said, by tensor; absent for pruners that only score. */
  solver?: Record<string, SolverNote>;
  /** SHA-256 of each pruned tensor's mask, packed as in masks.safetensors. */
  masks?: Record<string, string>;
  /** Pairs of texts that share tokens; empty when they are apart. */
  leakage?: Leak[];
  replay?: Replay;
  /** By stage; the sweep's points are stages of their own. What the GPU did is absent in older reports. */
  timings: Record<string, { ms: number } & Partial<WorkCount>>;
  memory: MemoryRecord;
  warnings: string[];
}
