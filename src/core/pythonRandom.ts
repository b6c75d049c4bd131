/**
 * The part of Python's `random` that decides which documents a limited evaluation sees: the Mersenne Twister MT19937
 * (Matsumoto and Nishimura 1998) seeded with a whole number, and `shuffle` with its rejection sampling.
 */
const N = 624;
const M = 397;

export class PythonRandom {
  readonly #state = new Uint32Array(N);
  #index = N;

  /** `random.seed(seed)` for 0 <= seed < 2^32. */
  constructor(seed: number) {
    const s = this.#state;
    fill(s, 19650218);
    // init_by_array with the one word of the seed.
    let i = 1;
    for (let k = 0; k < N; k++) {
      s[i] = (mixed(s, i, 1664525) + seed) >>> 0;
      if (++i === N) {
        s[0] = s[N - 1] ?? 0;
        i = 1;
      }
    }
    for (let k = 0; k < N - 1; k++) {
      s[i] = (mixed(s, i, 1566083941) - i) >>> 0;
      if (++i === N) {
        s[0] = s[N - 1] ?? 0;
        i = 1;
      }
    }
    s[0] = 0x80000000;
  }

  /** The next 32 bits. */
  u32(): number {
    if (this.#index === N) this.#twist();
    let y = this.#state[this.#index++] ?? 0;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in 0..n-1 for 0 < n < 2^32: bits of n's own length are drawn until they are below it. */
  below(n: number): number {
    const bits = 32 - Math.clz32(n);
    for (;;) {
      const drawn = this.u32() >>> (32 - bits);
      if (drawn < n) return drawn;
    }
  }

  /** `random.shuffle(list)`, in place. */
  shuffle<T>(list: T[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j] as T, list[i] as T];
    }
  }

  #twist(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = ((s[i] ?? 0) & 0x80000000) | ((s[(i + 1) % N] ?? 0) & 0x7fffffff);
      s[i] = (s[(i + M) % N] ?? 0) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }
}

function fill(s: Uint32Array, seed: number): void {
  s[0] = seed;
  for (let i = 1; i < N; i++) {
    const before = s[i - 1] ?? 0;
    s[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
  }
}

function mixed(s: Uint32Array, i: number, factor: number): number {
  const before = s[i - 1] ?? 0;
  return (s[i] ?? 0) ^ Math.imul(before ^ (before >>> 30), factor);
}
