/** Token windows laid end to end, and the groups in which they pass through a block. */

export interface Windows {
  /** All ids, windows in order. */
  ids: Uint32Array;
  /** Tokens of each window. */
  lengths: number[];
  tokens: number;
}

export function packWindows(windows: readonly ArrayLike<number>[]): Windows {
  const lengths = windows.map((w) => w.length);
  const ids = new Uint32Array(lengths.reduce((a, b) => a + b, 0));
  let at = 0;
  for (const window of windows) {
    ids.set(window, at);
    at += window.length;
  }
  return { ids, lengths, tokens: ids.length };
}

/** The windows one by one, as views. */
export function unpackWindows(windows: Windows): Uint32Array[] {
  let at = 0;
  return windows.lengths.map((length) => windows.ids.subarray(at, (at += length)));
}

/** Consecutive windows of equal length that run together. */
export interface Batch {
  /** First row in the text's [tokens, hidden] stream. */
  rowBegin: number;
  rows: number;
  sequences: number;
  length: number;
  firstSequence: number;
}

/** Groups of at most `maxTokens` tokens, at least one window each. Depends on nothing but its arguments. */
export function batchesOf(lengths: readonly number[], maxTokens: number): Batch[] {
  const out: Batch[] = [];
  let rowBegin = 0;
  lengths.forEach((length, i) => {
    const last = out[out.length - 1];
    if (last && last.length === length && last.rows + length <= maxTokens) {
      last.rows += length;
      last.sequences += 1;
    } else out.push({ rowBegin, rows: length, sequences: 1, length, firstSequence: i });
    rowBegin += length;
  });
  return out;
}
