/** Counts the zeros of a matrix while its bytes stream by, and finds out whether they fall into K:M groups. */
import type { Dtype } from '../core/dtypes';
import { countZeros } from './masks';

/** Group lengths that hardware or other programs use. */
const GROUPS = [2, 4, 8, 16] as const;

interface Group {
  length: number;
  /** Most non-zeros in any group so far. */
  most: number;
}

/** Bytes of one float matrix, in order and in whole elements, go through `add`. */
export class ZeroScan {
  zeros = 0;
  count = 0;
  readonly #dtype: Dtype;
  /** Inputs and outputs of the matrix. */
  readonly #inputs: number;
  readonly #outputs: number;
  readonly #transposed: boolean;
  /** Group lengths for which some group still has a zero; the others are settled. */
  #open: Group[];
  readonly #groups: Group[];
  /** Non-zeros of the group at hand, by open length; one for each output where the file is [inputs, outputs]. */
  #filled: Uint8Array[];

  /** `transposed`: the file holds [inputs, outputs]. */
  constructor(dtype: Dtype, shape: { rows: number; cols: number; transposed?: boolean }) {
    const { rows, cols, transposed = false } = shape;
    this.#dtype = dtype;
    this.#inputs = cols;
    this.#outputs = rows;
    this.#transposed = transposed;
    this.#groups = GROUPS.filter((m) => cols % m === 0).map((length) => ({ length, most: 0 }));
    this.#open = [...this.#groups];
    this.#filled = this.#open.map(() => new Uint8Array(transposed ? rows : 1));
  }

  add(bytes: Uint8Array): void {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const { buffer, byteOffset, byteLength } = aligned;
    const width = this.#dtype === 'F32' ? 4 : 2;
    const taken =
      this.#dtype === 'F32'
        ? this.#take(new Uint32Array(buffer, byteOffset, byteLength >> 2), 0x7fffffff)
        : this.#take(new Uint16Array(buffer, byteOffset, byteLength >> 1), 0x7fff);
    // Of a dense matrix this is nearly all.
    this.zeros += countZeros(aligned.subarray(taken * width), width);
    this.count += byteLength / width - taken;
  }

  /** Most non-zeros in any group of so many consecutive inputs, by group length. */
  get most(): Map<number, number> {
    return new Map(this.#groups.map(({ length, most }) => [length, most]));
  }

  /** Until no group is open; returns how many elements it looked at. */
  #take(words: Uint32Array | Uint16Array, magnitude: number): number {
    let i = 0;
    for (; i < words.length && this.#open.length > 0; i++) {
      const kept = ((words[i] as number) & magnitude) !== 0;
      if (!kept) this.zeros++;
      this.#group(kept);
      this.count++;
    }
    return i;
  }

  #group(kept: boolean): void {
    const output = this.#transposed ? this.count % this.#outputs : 0;
    const input = this.#transposed ? Math.floor(this.count / this.#outputs) : this.count % this.#inputs;
    let settled = false;
    for (let g = 0; g < this.#open.length; g++) {
      const group = this.#open[g] as Group;
      const filled = this.#filled[g] as Uint8Array;
      const now = (filled[output] as number) + (kept ? 1 : 0);
      if (now > group.most) group.most = now;
      filled[output] = (input + 1) % group.length === 0 ? 0 : now;
      settled ||= group.most === group.length;
    }
    if (!settled) return;
    const left = this.#open.map((group, g) => ({ group, filled: this.#filled[g] as Uint8Array }));
    const still = left.filter(({ group }) => group.most < group.length);
    this.#open = still.map(({ group }) => group);
    this.#filled = still.map(({ filled }) => filled);
  }
}

/** Zeros found in a model: of the reports' shape, and the K:M pattern that explains them, where one does. */
export interface FoundSparsity {
  achieved: number;
  layers: number[];
  matrices: Record<string, { zeros: number; count: number }>;
  pattern: string | null;
}

/** A pattern explains the zeros when there are hardly more than it asks for: at high sparsity many hold by chance. */
const EXPLAINS = 0.005;

export function foundSparsity(
  scans: readonly { name: string; layer: number; scan: Pick<ZeroScan, 'zeros' | 'count' | 'most'> }[],
  layers: number,
): FoundSparsity {
  const share = (of: typeof scans): number =>
    of.reduce((sum, { scan }) => sum + scan.zeros, 0) /
    (of.reduce((sum, { scan }) => sum + scan.count, 0) || 1);
  return {
    achieved: share(scans),
    layers: Array.from({ length: layers }, (_, i) => share(scans.filter(({ layer }) => layer === i))),
    matrices: Object.fromEntries(scans.map(({ name, scan: { zeros, count } }) => [name, { zeros, count }])),
    pattern: patternOf(
      scans.map(({ scan }) => scan.most),
      share(scans),
    ),
  };
}

function patternOf(mosts: readonly Map<number, number>[], achieved: number): string | null {
  if (mosts.length === 0) return null;
  for (const group of GROUPS) {
    const keep = Math.max(...mosts.map((most) => most.get(group) ?? group));
    const rate = 1 - keep / group;
    if (keep > 0 && keep < group && Math.abs(achieved - rate) < EXPLAINS) return `${keep}:${group}`;
  }
  return null;
}
