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

export interface CurvePoint {
  beta: number;
  /** null when it diverged. */
  perplexity: number | null;
  diverged?: true;
  sparsity: number[];
  cumulative: number[] | null;
  /** Mean token loss of each evaluation window, in nats: for paired comparisons. */
  losses?: number[];
}

export interface Curve {
  text: 'select';
  kind: StatsKind;
  best: number | null;
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
}

export interface PerplexityRecord {
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
  betaMax: number | null;
  fallback?: string;
}

export interface SparsityRecord {
  requested: number;
  achieved: number;
  layers: number[];
  matrices: Record<string, { zeros: number; count: number }>;
}

export interface ErrorsRecord {
  text: TextName;
  tokens: number;
  hidden: number;
  kind: StatsKind;
  diverged?: true;
  layers: LayerErrors[];
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
  /** Smallest relative score gap at a threshold over all comparison groups, null when nothing was compared. */
  margin?: number | null;
  timings: Record<string, { ms: number; flops?: number; bytes?: number }>;
  memory: { predictedBytes: number; peakBytes: number };
  warnings: string[];
}
