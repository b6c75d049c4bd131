const TILE = 32;

/** Copies what lies below the diagonal of A [n, n] above it, by tiles that fit the cache. */
export function mirrorLower(a: Float64Array, n: number): void {
  for (let r = 0; r < n; r += TILE)
    for (let c = 0; c <= r; c += TILE)
      for (let i = r; i < Math.min(r + TILE, n); i++)
        for (let j = c; j < Math.min(c + TILE, i); j++) a[j * n + i] = a[i * n + j] as number;
}
