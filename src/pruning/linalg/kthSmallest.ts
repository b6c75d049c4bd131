/** The k-th smallest (0-based) of the first `count` values by quickselect, which reorders them; no value may be NaN. */
export function kthSmallest(values: Float64Array, count: number, k: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const a = values[low] as number;
    const b = values[middle] as number;
    const c = values[high] as number;
    const pivot = a < b ? (b < c ? b : Math.max(a, c)) : a < c ? a : Math.max(b, c);
    let i = low;
    let j = high;
    while (i <= j) {
      while ((values[i] as number) < pivot) i++;
      while ((values[j] as number) > pivot) j--;
      if (i > j) break;
      const swap = values[i] as number;
      values[i++] = values[j] as number;
      values[j--] = swap;
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else return pivot;
  }
  return values[k] as number;
}

/** The k-th smallest (0-based) magnitude, without changing the values; NaN counts as larger than infinity. */
export function kthMagnitude(values: Float64Array, k: number): number {
  // The order of magnitudes is that of their bits: 11 of the exponent and 5 more make a class.
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  const counts = new Uint32Array(1 << 16);
  const classAt = (i: number): number => ((words[2 * i + 1] as number) & 0x7fffffff) >>> 15;
  for (let i = 0; i < values.length; i++) {
    const c = classAt(i);
    counts[c] = (counts[c] as number) + 1;
  }
  let [below, found] = [0, 0];
  while (below + (counts[found] as number) <= k) below += counts[found++] as number;
  const members = new Float64Array(counts[found] as number);
  for (let i = 0, next = 0; i < values.length; i++)
    if (classAt(i) === found) members[next++] = Math.abs(values[i] as number);
  return kthSmallest(members, members.length, k - below);
}
