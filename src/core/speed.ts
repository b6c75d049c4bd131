/**
 * Measured speed of a pruned model in every storage format (schema prunelab.speed/1), and what it says in words. One
 * run on one adapter; formats take turns, so that what slows the machine slows all of them.
 */
import type { DeviceRecord, ModelRecord } from './report';
import type { LabSpec } from './spec';
import type { StorageFormat } from './sparseSizes';

export interface Spread {
  median: number;
  /** Lower and upper quartile. */
  low: number;
  high: number;
  /** In the order measured. */
  runs: number[];
}

export interface SpeedRow {
  format: StorageFormat;
  /** Tokens per second, one token at a time. */
  decode: Spread;
  /** Tokens per second of the prompt in one pass. */
  prefill: Spread;
  /** Of the prunable matrices, on the GPU as the kernels read them. */
  memoryBytes: number;
  /** The same in a file; null where there is no such file format. */
  fileBytes: number | null;
  /** Milliseconds of each layer's matrices for one token, nothing else counted. */
  layerMs: number[];
  /** Of the decoding, against dense. */
  speedUp: number;
  /** Of the matrices alone, against dense. */
  kernelSpeedUp: number;
  /** The most that its bytes allow where decoding is bound by memory. */
  limit: number;
  /** Positions where the most likely token is that of the masked weights; absent for dense. */
  sameTokens?: { same: number; of: number; largestDifference: number };
}

/** One pruning of the model. */
export interface SpeedVariant {
  name: string;
  beta: number;
  sparsity: number;
  /** Fraction of zeros of each layer. */
  layers: number[];
  rows: SpeedRow[];
  /** Formats that could not be measured, and why. */
  missing: { format: StorageFormat; why: string }[];
}

/** Time of one layer's matrices at a sparsity, over that of the dense ones. */
export interface BreakEvenPoint {
  sparsity: number;
  ratio: number;
}

export interface BreakEven {
  format: StorageFormat;
  /** Sparsity from which the format takes fewer bytes. */
  bytes: number | null;
  /** Sparsity from which its kernels were quicker; null where they never were. */
  measured: number | null;
  points: BreakEvenPoint[];
}

export interface SpeedRecord {
  schema: 'prunelab.speed/1';
  version: string;
  model: ModelRecord;
  device: DeviceRecord;
  /** null for a model that came pruned. */
  spec: LabSpec | null;
  protocol: { promptTokens: number; tokens: number; reps: number; warmup: number; prompt: string };
  /** Bytes per second that a copy kernel moves, read and written. */
  copyBandwidth: number;
  /** Bytes that a decoded token reads besides the prunable matrices: head, norms, biases, keys and values. */
  restBytes: number;
  /** The weights as loaded. */
  dense: SpeedRow;
  variants: SpeedVariant[];
  breakEven: BreakEven[];
  /** The format with the quickest decoding of the first variant, among those with its tokens. */
  fastest: StorageFormat;
  verdict: string[];
  warnings: string[];
}

/** What is measured, and how often. */
export interface SpeedRequest {
  formats: readonly StorageFormat[];
  promptTokens: number;
  tokens: number;
  reps: number;
  warmup: number;
}

/** Median and quartiles, interpolated linearly between the values. */
export function spreadOf(runs: readonly number[]): Spread {
  const sorted = [...runs].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)] ?? NaN;
    const high = sorted[Math.ceil(place)] ?? NaN;
    return low + (high - low) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75), runs: [...runs] };
}

/** Where the ratio falls to 1, between two points; the first point's sparsity where it begins there. */
export function breakEvenOf(points: readonly BreakEvenPoint[]): number | null {
  const sorted = [...points].sort((a, b) => a.sparsity - b.sparsity);
  // From the densest end on: the last point that is not quicker decides.
  const last = sorted.findLastIndex(({ ratio }) => ratio >= 1);
  const after = sorted[last + 1];
  if (!after) return null;
  const before = sorted[last];
  if (!before) return after.sparsity;
  const share = (before.ratio - 1) / (before.ratio - after.ratio);
  return before.sparsity + share * (after.sparsity - before.sparsity);
}

/** Fewer runs than this have no spread to speak of. */
const ENOUGH_RUNS = 3;

/** Whether one spread lies above the other: their quartiles do not overlap. */
function above(a: Spread, b: Spread): boolean {
  return a.runs.length >= ENOUGH_RUNS && b.runs.length >= ENOUGH_RUNS && a.low > b.high;
}

/** The format to generate with: the quickest that gives the tokens of the masked weights. */
export function fastestFormat(rows: readonly SpeedRow[]): StorageFormat {
  const right = rows.filter(({ sameTokens }) => sameTokens?.same === sameTokens?.of);
  const best = right.reduce<SpeedRow | null>(
    (top, row) => (top && top.decode.median >= row.decode.median ? top : row),
    null,
  );
  return best?.format ?? 'zeros';
}

export const FORMAT_WORDS: Record<StorageFormat, string> = {
  dense: 'dense',
  zeros: 'dense with zeros',
  bitmask: 'bitmask',
  csr: 'CSR',
  km: 'K:M',
};

const rate = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const times = (n: number): string => `${n.toFixed(2)}x`;
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** What was found, in words with this run's numbers. */
export function speedVerdict(
  record: Omit<SpeedRecord, 'verdict' | 'fastest' | 'schema' | 'version' | 'spec' | 'warnings'>,
): string[] {
  const { dense, variants, device, restBytes, copyBandwidth, breakEven } = record;
  const out: string[] = [];
  for (const variant of variants) {
    const sparse = variant.rows.filter(({ format }) => format !== 'zeros');
    const zeros = variant.rows.find(({ format }) => format === 'zeros');
    const at = `${variant.name} at ${percent(variant.sparsity)} zeros`;
    if (zeros)
      out.push(
        `${at}: with zeros written in, nothing is smaller and decoding runs at ${times(zeros.speedUp)} of dense (${rate(zeros.decode.median)} against ${rate(dense.decode.median)} tokens/s): the same bytes and the same kernels, so what differs is noise.`,
      );
    const best = sparse.reduce<SpeedRow | null>(
      (top, row) => (top && top.speedUp >= row.speedUp ? top : row),
      null,
    );
    if (!best) continue;
    const smallest = sparse.reduce((a, b) => (b.memoryBytes < a.memoryBytes ? b : a));
    const sizes = `${FORMAT_WORDS[smallest.format]} takes ${percent(smallest.memoryBytes / dense.memoryBytes)} of the matrices' memory`;
    const name = FORMAT_WORDS[best.format];
    const figures = `${times(best.speedUp)} (${rate(best.decode.median)} tokens/s, quartiles ${rate(best.decode.low)} to ${rate(best.decode.high)}; dense ${rate(dense.decode.median)}, ${rate(dense.decode.low)} to ${rate(dense.decode.high)}; its bytes allow ${times(best.limit)})`;
    if (above(best.decode, dense.decode)) out.push(`${at}: faster. The quickest sparse format, ${name}, decodes at ${figures}; ${sizes}.`); // prettier-ignore
    else if (above(dense.decode, best.decode)) {
      out.push(`${at}: smaller, but not faster. The quickest sparse format, ${name}, decodes at ${figures}; ${sizes}. ${whyNot(best, record)}`); // prettier-ignore
    } else out.push(`${at}: no difference that this run can tell. The quickest sparse format, ${name}, decodes at ${figures}, within the spread; ${sizes}.`); // prettier-ignore
  }
  const [first, second] = variants;
  if (first && second) {
    const pairs = first.rows.flatMap((row) => {
      const other = second.rows.find(({ format }) => format === row.format);
      return other ? [{ row, other }] : [];
    });
    const cost = pairs.filter(
      ({ row, other }) => above(row.decode, other.decode) || above(other.decode, row.decode),
    );
    const list = pairs
      .map(
        ({ row, other }) =>
          `${FORMAT_WORDS[row.format]} ${rate(row.decode.median)} and ${rate(other.decode.median)}`,
      )
      .join(', ');
    out.push(
      `${first.name} and ${second.name} at the same sparsity, tokens/s: ${list}. ${
        cost.length === 0
          ? 'Non-uniform sparsity costs no speed that this run can tell, and its bytes in all are the same.'
          : `They differ beyond their quartiles in ${cost.map(({ row }) => FORMAT_WORDS[row.format]).join(', ')}.`
      }`,
    );
  }
  for (const { format, bytes, measured } of breakEven) {
    const fewer = bytes === null ? '' : ` (fewer bytes from ${percent(bytes)})`;
    out.push(
      measured === null
        ? `${FORMAT_WORDS[format]}: its kernels were at no measured sparsity quicker than dense ones here${fewer}.`
        : `${FORMAT_WORDS[format]}: its kernels break even at about ${percent(measured)} zeros here${fewer}.`,
    );
  }
  const read = dense.memoryBytes + restBytes;
  out.push(
    `A dense token reads ${(read / 1e6).toFixed(1)} MB, ${percent(restBytes / read)} of it outside the pruned matrices; at the ${(copyBandwidth / 1e9).toFixed(2)} GB/s of a copy kernel that allows ${rate(copyBandwidth / read)} tokens/s.${device.software ? ' This is a software adapter: a processor stands in for the GPU, and these times say nothing about graphics hardware.' : ''}`,
  );
  return out;
}

/** Why a format with fewer bytes is slower: what the time is spent on, by this run's numbers. */
function whyNot(
  row: SpeedRow,
  {
    dense,
    device,
    restBytes,
    copyBandwidth,
  }: Pick<SpeedRecord, 'dense' | 'device' | 'restBytes' | 'copyBandwidth'>,
): string {
  const boundSeconds = (dense.memoryBytes + restBytes) / copyBandwidth;
  const used = boundSeconds * dense.decode.median;
  const sum = (ms: readonly number[]): number => ms.reduce((a, b) => a + b, 0);
  const matrices = (sum(dense.layerMs) * dense.decode.median) / 1000;
  const reasons: string[] = [];
  if (used < 0.5)
    reasons.push(
      `dense decoding uses ${percent(used)} of the measured memory bandwidth, so it waits for instructions, not for bytes, and saved bytes save little`,
    );
  if (row.kernelSpeedUp < 1)
    reasons.push(
      `the matrices alone run at ${times(row.kernelSpeedUp)}: finding the place of each kept weight costs more than the loads it saves${device.software ? ' on a software adapter' : ''}`,
    );
  else if (matrices < 0.7)
    reasons.push(
      `the matrices are only ${percent(Math.min(1, matrices))} of a dense token's time (their kernels alone: ${times(row.kernelSpeedUp)}); the rest does not change`,
    );
  return reasons.length === 0 ? '' : `Why: ${reasons.join('; ')}.`;
}
