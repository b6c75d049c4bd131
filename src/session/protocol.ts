/**
 * What crosses the worker boundary, as plain data. The page talks to `LabApi` through comlink; events flow back
 * through one subscribed callback. Rejections are PlainError values (see session/client.ts, which rebuilds them).
 */
import type { Comparison, CompareSpec } from '../core/comparison';
import type { PlainError } from '../core/errors';
import type { FoundPruning } from '../core/foundPruning';
import type { LayerRecord } from '../core/layerRecord';
import type { MetricSearchOptions, MetricSearchReport } from '../core/metricSearch';
import type {
  AllocationRecord,
  Curve,
  CurvePoint,
  DeviceRecord,
  LayerErrors,
  RunReport,
  SearchRecord,
  StatsKind,
} from '../core/report';
import type { LabSpec, ParamValue, TextName } from '../core/spec';
import type { SpeedRecord, SpeedRequest } from '../core/speed';
import type { StorageFormat } from '../core/sparseSizes';
import type { TheoryRecord, TheorySpec } from '../core/theory';
import type { ArchiveFormat } from '../formats/archive';
import type { ZeroShotRecord, ZeroShotRequest } from '../core/zeroshot';
import type { ExportSink } from '../formats/sink';

export interface ParamDescription {
  name: string;
  label: string;
  /** One line: what it decides. */
  help: string;
  type: 'number' | 'boolean' | 'choice' | 'text';
  min?: number;
  max?: number;
  /** Whole numbers only. */
  integer?: boolean;
  choices?: string[];
  init: ParamValue;
}

export interface MethodDescription {
  id: string;
  label: string;
  help: string;
  params: ParamDescription[];
  /** Which --pattern values it takes. */
  patterns: ('free' | 'K:M')[];
}

export interface MemoryUsage {
  weights: number;
  masks: number;
  activations: number;
  /** Cached dense block outputs; counted as activations in the limit, shown apart. */
  denseStreams: number;
  scratch: number;
  /** In host memory: row orders and gradients that later jobs use again. */
  cache: number;
  total: number;
  peak: number;
}

export interface Boot {
  device: DeviceRecord;
  engineVersion: string;
  pruners: MethodDescription[];
  selfTest: { ran: boolean; failed: string[]; replaced: string[] };
  /** True when the page should begin with fewer tokens. */
  slow: boolean;
}

export interface ModelSummary {
  name: string;
  architecture: string;
  layers: number;
  hidden: number;
  context: number;
  vocabulary: number;
  parameters: number;
  prunable: number;
  /** Prunable weights of each layer, in layer order. */
  prunablePerLayer: number[];
  /** Every prunable tensor in layer order; the first layer is 0. */
  matrices: { name: string; layer: number; rows: number; cols: number; count: number }[];
  bytes: number;
  dtype: string;
  /** Opened from a GGUF file, so that it can be written as one. */
  isGguf?: boolean;
  warnings: string[];
  /** Of the SHA-256s of the weight files in name order. */
  sha256: string;
  /** Fraction of zeros already there in the prunable weights when it was loaded. */
  zerosAtLoad: number;
  /** Pruning that was done before, and the record of it. */
  found: FoundPruning;
}

/** Where a model comes from. `files` are File objects from a drop or a picker (they can be cloned to a worker). */
export type ModelRequest =
  { kind: 'demo' } | { kind: 'files'; name: string; files: { path: string; file: File }[] } | HubRequest;

/** A model of the Hub. `commit` pins what a preview has shown. */
export interface HubRequest {
  kind: 'hub';
  id: string;
  revision?: string;
  commit?: string;
  endpoint?: string;
}

/** What a model of the Hub is, from its config and the headers of its weights; no weight has been fetched for it. */
export interface HubPreview {
  /** As a spec names it, without revision: 'hf:owner/name'. */
  id: string;
  name: string;
  revision: string;
  commit: string;
  bytes: number;
  /** Bytes that are not stored here yet. */
  missingBytes: number;
  files: { path: string; size: number }[];
  architecture: string | null;
  parameters: number | null;
  /** Weights by their type in the files. */
  dtypes: Record<string, number>;
  supported: boolean;
  /** Why not. */
  reason: string | null;
  /** Said where nothing can be stored, or not this much. */
  memoryOnly: string | null;
}

/** A model or text of the Hub at one commit, as this browser holds it. */
export interface StoredItem {
  id: string;
  kind: 'model' | 'dataset';
  name: string;
  commit: string;
  bytes: number;
  complete: boolean;
  /** It is loaded now and cannot be deleted. */
  inUse: boolean;
}

export interface HubStorageReport {
  items: StoredItem[];
  /** What the browser gives this page altogether; null where it does not say. */
  usage: number | null;
  quota: number | null;
  /** True when the browser will not clear it by itself. */
  persisted: boolean | null;
  /** Set where nothing can be stored: why, in a sentence. */
  memoryOnly: string | null;
}

export interface Prediction {
  /** Bytes of GPU memory at the peak of the job. */
  bytes: number;
  /** null until the device's speed has been measured. */
  seconds: number | null;
  /** One sentence: what lowers it. */
  lever: string;
}

/** Result of one beta drag: cumulative error of every layer from dense statistics. */
export interface TickResult {
  job: number;
  kind: 'preview';
  spec: LabSpec;
  layers: { cumulative: number | null; dense: number | null }[];
  tokens: number;
  hidden: number;
}

/** A text of the user's own: `.txt` (UTF-8) or `.json` (`{"windows": [[ids]]}`), kept until replaced. */
export interface TextFile {
  name: string;
  file: File;
}

export interface GenerateRequest {
  prompt: string;
  maxTokens: number;
  temperature: number;
  seed: number;
  /** What the pruned model is read from: 'dense' (masks over the weights) where left out, 'auto' the quickest here. */
  format?: StorageFormat | 'auto';
}

export interface GenerateSide {
  ids: number[];
  text: string;
  tokensPerSecond: number;
  /** Where it was not read from dense weights. */
  format?: StorageFormat;
}

export interface GenerateResult {
  prompt: string;
  dense: GenerateSide;
  pruned?: GenerateSide;
  /** Index of the first generated token that differs, null when all are equal. */
  firstDifference?: number | null;
}

/** Type of the matrices of an exported GGUF file. */
export type GgufType = 'f16' | 'bf16' | 'q8_0';

export interface ExportFile {
  path: string;
  bytes: number;
}

export type LabEvent =
  /** A download of the Hub: bytes that are here of bytes wanted. */
  | { type: 'download'; name: string; done: number; total: number; secondsLeft: number | null }
  | {
      type: 'progress';
      job: number;
      stage: string;
      done: number;
      total: number;
      unit: string;
      tokensPerSecond: number | null;
      secondsLeft: number | null;
    }
  /** Rows of the error chart as they are measured; `from` is the 0-based index of rows[0]. */
  | {
      type: 'layers';
      job: number;
      kind: StatsKind;
      spec: LabSpec;
      text: TextName;
      tokens: number;
      hidden: number;
      from: number;
      rows: LayerErrors[];
    }
  /** A comparison so far: at its start and after every row. */
  | { type: 'compared'; job: number; comparison: Comparison }
  /** Theorems on trial so far: at the start and after every measurement. */
  | { type: 'theory'; job: number; record: TheoryRecord }
  /** A search for a metric so far: after every trial. */
  | { type: 'metricSearch'; job: number; report: MetricSearchReport }
  /** What a run or a drag is going to ask of the layers, once it is known. */
  | { type: 'allocation'; job: number; spec: LabSpec; allocation: AllocationRecord }
  /** A search for rates after its latest trial. */
  | { type: 'trial'; job: number; spec: LabSpec; search: SearchRecord }
  | { type: 'point'; job: number; kind: StatsKind; spec: LabSpec; point: CurvePoint }
  | { type: 'token'; job: number; side: 'dense' | 'pruned'; text: string }
  | { type: 'memory'; usage: MemoryUsage }
  | { type: 'warning'; text: string }
  /** The device is gone; the lab has already dropped the model. `reopen()` and load again. */
  | { type: 'lost'; error: PlainError };

export type JobKind =
  'load' | 'tick' | 'run' | 'sweep' | 'compare' | 'theory' | 'search' | 'generate' | 'export' | 'inspect';

/** Jobs that go on behind what the user waits for. */
export const BACKGROUND_JOBS: readonly JobKind[] = ['sweep', 'compare', 'theory', 'search'];

/**
 * The engine as the page sees it. At most one foreground job runs and one waits; a newer job of the same kind
 * replaces the waiting one and cancels the running one between submits. A sweep is a background job: foreground
 * jobs pre-empt it between submits and it then resumes. So are a comparison, a trial of the theory and a search for a
 * metric, which a sweep waits for.
 */
export interface LabApi {
  /** Opens the device, runs the self-test once per adapter and browser version. */
  boot(options: { adapter?: string; hub?: string; userAgent: string; skipSelfTest: boolean }): Promise<Boot>;
  subscribe(listener: (event: LabEvent) => void): void;
  /** After a lost device: a new one. The model must be loaded again. */
  reopen(): Promise<Boot>;
  previewHub(id: string, revision: string | undefined, endpoint: string | undefined): Promise<HubPreview>;
  /** A read token for this visit, kept in the worker's memory only; null forgets it. */
  setHubToken(token: string | null): Promise<void>;
  /** Downloads what is not stored yet, beside all other work; 'download' events follow. CancelledError when stopped. */
  downloadHub(request: HubRequest): Promise<void>;
  steerDownload(action: 'pause' | 'resume' | 'stop'): void;
  hubStorage(): Promise<HubStorageReport>;
  /** Deletes one item of hubStorage, or all but what is loaded (null). SpecError for the one that is loaded. */
  deleteStored(id: string | null): Promise<HubStorageReport>;
  load(job: number, request: ModelRequest): Promise<ModelSummary>;
  unload(): Promise<void>;
  /**
   * Uses this file wherever `spec.texts[which]` is its name; null goes back to the bundled text. Rejects with TextError
   * when the file cannot be read as a text; what depends on the model (window, ids) is checked by the run.
   */
  setText(which: TextName, text: TextFile | null): Promise<void>;
  predict(kind: Exclude<JobKind, 'inspect'>, spec: LabSpec): Promise<Prediction>;
  /**
   * Rates of a spec, with what they rest on. Those that are measured on the model take a moment the first time; a search
   * is made as by a run. A job of the kind 'inspect'.
   */
  allocation(job: number, spec: LabSpec): Promise<AllocationRecord>;
  /** Preview while dragging. */
  tick(job: number, spec: LabSpec): Promise<TickResult>;
  /** The exact (or spec.stats) run: errors layer by layer, then sparsity and perplexities. beta must be a number. */
  run(job: number, spec: LabSpec): Promise<RunReport>;
  sweep(job: number, spec: LabSpec, options: { kind: StatsKind; betas: number[] | null }): Promise<Curve>;
  /** Runs what `known` does not hold, if it is of the same model, texts and settings; 'compared' events follow. */
  compare(job: number, spec: CompareSpec, known: Comparison | null): Promise<Comparison>;
  /** Measures what `known` does not hold, if it is of the same model, texts and settings; 'theory' events follow. */
  theory(job: number, spec: TheorySpec, known: TheoryRecord | null): Promise<TheoryRecord>;
  /** Breeds metrics for Pruner-Zero at this spec's rates (beta a number); 'metricSearch' events follow. */
  searchMetric(job: number, spec: LabSpec, options: MetricSearchOptions): Promise<MetricSearchReport>;
  /** Tasks on the dense model and, with a spec (beta a number), on that spec's masks. A job of the kind 'inspect'. */
  zeroShot(job: number, spec: LabSpec | null, request: ZeroShotRequest): Promise<ZeroShotRecord>;
  generate(job: number, spec: LabSpec, request: GenerateRequest): Promise<GenerateResult>;
  /** Decoding and prefill in every storage format; uniform rates beside the spec's own. A job of the kind 'generate'. */
  speed(job: number, spec: LabSpec, request: SpeedRequest): Promise<SpeedRecord>;
  /** One layer (the first is 0) as this spec prunes it. beta must be a number. A newer one replaces it. */
  inspectLayer(job: number, spec: LabSpec, layer: number): Promise<LayerRecord>;
  /**
   * Export in the order of contract: calls `sink.open(path)`, then writes, closes; verification re-reads through
   * `sink.read`. Returns the files written.
   */
  exportTo(
    job: number,
    spec: LabSpec,
    sink: ExportSink,
    options: { masks: boolean; recipe?: boolean; ggufType?: GgufType; archive?: ArchiveFormat },
  ): Promise<{ report: RunReport; files: ExportFile[] }>;
  cancel(job: number | 'all'): void;
  /** For tests of recovery: destroys the GPU device as a driver crash would. */
  destroyDevice(): void;
  memory(): Promise<MemoryUsage>;
}

export type { ExportSink };
