/**
 * The table of measured choices: which kernel an adapter takes for a class of shapes. Pure: what was timed comes in,
 * what to take goes out. An entry, once made, stays until the engine's version changes: results of two runs on one
 * machine come from the same kernels.
 */

/** Of one adapter. */
export interface TunedKernels {
  /** Variant by class; classes where the prior stayed are there too: they are not measured again. */
  choices: Record<string, string>;
  /** Kernels that failed the self-test before measuring, as they stand in ctx.disabled. */
  disabled: string[];
}

/** What is stored: adapters by their key, of one version of the engine. */
export interface TuningTable {
  schema: 'prunelab.kernels/1';
  version: string;
  adapters: Record<string, TunedKernels>;
}

/** A choice is changed for this much and no less: below it the clock decides. */
export const LEAST_GAIN = 1.15;
/** Fewer rounds than this decide nothing. */
export const LEAST_ROUNDS = 3;
const MAX_ENTRIES = 1000;
const RE_VARIANT = /^[A-Za-z0-9]{1,40}$/;
const RE_ID = /^[A-Za-z0-9.]{1,80}$/;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]];
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}

/**
 * The candidate to take: the one of the smallest median if it beats the prior by LEAST_GAIN, else the prior. `samplesMs`
 * of each candidate in rounds that they took in turns.
 */
export function decide(prior: string, samplesMs: Readonly<Record<string, readonly number[]>>): string {
  const rounds = Object.values(samplesMs).map((s) => s.length);
  if (rounds.length === 0 || Math.min(...rounds) < LEAST_ROUNDS) return prior;
  const before = median(samplesMs[prior] ?? []);
  let best = prior;
  for (const [name, samples] of Object.entries(samplesMs))
    if (median(samples) < median(samplesMs[best] ?? [])) best = name;
  return before / median(samplesMs[best] ?? []) >= LEAST_GAIN ? best : prior;
}

export function emptyTable(version: string): TuningTable {
  return { schema: 'prunelab.kernels/1', version, adapters: {} };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One adapter's entry, null when it is not what this program writes. */
function tunedOf(value: unknown): TunedKernels | null {
  if (!isObject(value) || !isObject(value.choices) || !Array.isArray(value.disabled)) return null;
  const choices = Object.entries(value.choices);
  const names = value.disabled as unknown[];
  const right =
    choices.length <= MAX_ENTRIES &&
    names.length <= MAX_ENTRIES &&
    choices.every(([key, name]) => key.length <= 200 && typeof name === 'string' && RE_VARIANT.test(name)) &&
    names.every((name) => typeof name === 'string' && RE_ID.test(name));
  return right
    ? { choices: Object.fromEntries(choices) as Record<string, string>, disabled: names as string[] }
    : null;
}

/** A stored table; an empty one where it is of another version, damaged or missing. */
export function readTable(bytes: Uint8Array | null, version: string): TuningTable {
  const table = emptyTable(version);
  if (!bytes) return table;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return table;
  }
  if (
    !isObject(value) ||
    value.schema !== table.schema ||
    value.version !== version ||
    !isObject(value.adapters)
  )
    return table;
  for (const [key, entry] of Object.entries(value.adapters).slice(0, MAX_ENTRIES)) {
    const tuned = tunedOf(entry);
    if (tuned) table.adapters[key] = tuned;
  }
  return table;
}

/** Keys in order, so that equal tables are equal files. */
export function writeTable(table: TuningTable): Uint8Array<ArrayBuffer> {
  const sorted = <T>(of: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
  const adapters = Object.entries(table.adapters).map(
    ([key, { choices, disabled }]): [string, TunedKernels] => [
      key,
      { choices: sorted(choices), disabled: [...disabled].sort() },
    ],
  );
  return new TextEncoder().encode(
    JSON.stringify({ ...table, adapters: sorted(Object.fromEntries(adapters)) }, null, 1),
  );
}
