/** Transpose of a square matrix [n, n], by tiles that fit the cache. */
export function transposed(a: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const tile = 32;
  const out = new Float64Array(n * n);
  for (let r = 0; r < n; r += tile)
    for (let c = 0; c < n; c += tile)
      for (let i = r; i < Math.min(r + tile, n); i++)
        for (let j = c; j < Math.min(c + tile, n); j++) out[j * n + i] = a[i * n + j] as number;
  return out;
}
