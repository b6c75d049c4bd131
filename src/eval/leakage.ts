/**
 * Tokens of one text inside another. Runs of `gram` tokens are hashed as they roll by, so the work and the memory grow
 * with the number of tokens alone; windows shorter than a run are compared whole.
 */
import type { Leak } from '../core/report';
import type { TextName } from '../core/spec';

/** Ids of a text laid end to end and the length of each window. */
export interface TokenWindows {
  ids: Uint32Array;
  lengths: readonly number[];
}

/** Tokens of a run: long enough that two texts do not share one by chance, short enough to see a quoted paragraph. */
export const LEAK_GRAM = 32;

/** Odd multipliers of two independent polynomial hashes modulo 2^32. */
const BASES = [0x9e3779b1, 0x85ebca6b] as const;

/**
 * What of `text` stands in `other`, null when nothing does. Runs do not cross windows. Two different runs have the
 * same 53 bits with a probability of about tokens squared / 2^53: 1e-6 for 100,000 tokens each.
 */
export function leakBetween(
  pair: readonly [TextName, TextName],
  other: TokenWindows,
  text: TokenWindows,
  gram = LEAK_GRAM,
): Leak | null {
  const known = new Set<number>();
  const whole = new Set<number>();
  eachRun(other, gram, (hash) => known.add(hash));
  eachWindow(other, (hash) => whole.add(hash));
  let runs = 0;
  let found = 0;
  let windows = 0;
  eachRun(text, gram, (hash) => {
    runs++;
    if (known.has(hash)) found++;
  });
  eachWindow(text, (hash) => {
    if (whole.has(hash)) windows++;
  });
  if (found === 0 && windows === 0) return null;
  return { pair: [pair[0], pair[1]], share: found / runs, windows, gram };
}

/** Pairs that must be apart: select and report from the calibration text, report from select. */
const PAIRS = [
  ['calibration', 'select'],
  ['calibration', 'report'],
  ['select', 'report'],
] as const;

/** Leaks between the texts that are there. */
export function findLeaks(texts: Partial<Record<TextName, TokenWindows>>, gram = LEAK_GRAM): Leak[] {
  return PAIRS.flatMap(([a, b]) => {
    const [other, text] = [texts[a], texts[b]];
    return (other && text && leakBetween([a, b], other, text, gram)) ?? [];
  });
}

const USE: Record<TextName, string> = {
  calibration: 'chooses the weights that go',
  select: 'chooses beta',
  report: 'gives the headline figure',
};

/** A warning for people: both texts, the share, the remedy. */
export function leakWarning(
  { pair: [a, b], share, windows, gram }: Leak,
  source: (text: TextName) => string,
): string {
  const whole = windows > 0 ? `, ${windows} whole ${windows === 1 ? 'window' : 'windows'} among them` : '';
  return (
    `${percent(share)} of the ${b} text (${source(b)}) stands in the ${a} text (${source(a)}) as well, in runs of ` +
    `${gram} tokens or more${whole}: a text that ${USE[a]} flatters the figures of the same text. ` +
    `Give a ${b} text that shares no passage with the ${a} text.`
  );
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 10 ? value.toFixed(0) : value.toPrecision(2)} %`;
}

/** Hash of every run of `gram` tokens; of the window itself where it is shorter. */
function eachRun(text: TokenWindows, gram: number, use: (hash: number) => void): void {
  const leaving = BASES.map((base) => power(base, gram));
  let begin = 0;
  for (const length of text.lengths) {
    const end = begin + length;
    if (length < gram) use(hashOf(text.ids, begin, end));
    else {
      let [a, b] = [0, 0];
      for (let at = begin; at < end; at++) {
        const id = token(text.ids[at]);
        a = (Math.imul(a, BASES[0]) + id) | 0;
        b = (Math.imul(b, BASES[1]) + id) | 0;
        if (at - begin >= gram) {
          const gone = token(text.ids[at - gram]);
          a = (a - Math.imul(leaving[0] ?? 0, gone)) | 0;
          b = (b - Math.imul(leaving[1] ?? 0, gone)) | 0;
        }
        if (at - begin >= gram - 1) use(combine(a, b, gram));
      }
    }
    begin = end;
  }
}

function eachWindow(text: TokenWindows, use: (hash: number) => void): void {
  let begin = 0;
  for (const length of text.lengths) {
    use(hashOf(text.ids, begin, begin + length));
    begin += length;
  }
}

function hashOf(ids: Uint32Array, begin: number, end: number): number {
  let [a, b] = [0, 0];
  for (let at = begin; at < end; at++) {
    const id = token(ids[at]);
    a = (Math.imul(a, BASES[0]) + id) | 0;
    b = (Math.imul(b, BASES[1]) + id) | 0;
  }
  return combine(a, b, end - begin);
}

/** Ids are small and alike: mixed, so that the sums of runs spread over all bits. */
function token(id: number | undefined): number {
  let x = ((id ?? 0) + 1) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** 53 bits out of two hashes; the length tells a short window from a run. */
function combine(a: number, b: number, length: number): number {
  return (a >>> 0) * 0x200000 + (((b ^ Math.imul(length, 0x27d4eb2f)) >>> 11) & 0x1fffff);
}

function power(base: number, exponent: number): number {
  let out = 1;
  for (let i = 0; i < exponent; i++) out = Math.imul(out, base);
  return out;
}
