/** Numbers as the page writes them. Formatting only; nothing here decides anything. */

const NARROW = '\u202f';
const MINUS = '\u2212';

function withMinus(text: string): string {
  return text.replace(/^-/, MINUS);
}

/** At least 6 significant digits, en-US, no grouping: what tables and CSV hold. Empty for "not known". */
const exactFormat = new Intl.NumberFormat('en-US', {
  useGrouping: false,
  minimumSignificantDigits: 6,
  maximumSignificantDigits: 9,
});

export function exact(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '' : exactFormat.format(value);
}

const groupFormat = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return groupFormat.format(value);
}

/** 0.7 → "70 %"; `digits` fixed decimals. */
export function percent(fraction: number, digits = 0): string {
  return `${withMinus((fraction * 100).toFixed(digits))}${NARROW}%`;
}

/** A sparsity that somebody chose: whole where it is whole. */
export function rate(fraction: number): string {
  return percent(fraction, Number.isInteger(Math.round(fraction * 1e4) / 100) ? 0 : 1);
}

/** A change as a signed percentage: 0.59 → "−41 %". */
export function changePercent(ratio: number): string {
  const change = (ratio - 1) * 100;
  const text = Math.abs(change) < 9.95 ? change.toFixed(1) : change.toFixed(0);
  const zero = Number(text) === 0;
  return `${zero ? '±' : change > 0 ? '+' : ''}${withMinus(zero ? '0' : text)}${NARROW}%`;
}

/** Perplexity: four figures or so, never in exponent form below a million. */
export function perplexity(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'diverged';
  if (value >= 1e6) return value.toExponential(1);
  return value >= 1000 ? groupFormat.format(value) : value.toFixed(value >= 100 ? 1 : 2);
}

/** A KL divergence: three figures and the unit. */
export function nats(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value)
    ? 'diverged'
    : `${compact(value)}${NARROW}nats`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 1000 → "10³", for log axes. */
export function powerOfTen(exponent: number): string {
  const digits = Array.from(String(Math.abs(exponent)))
    .map((d) => SUPERSCRIPTS[Number(d)] ?? '')
    .join('');
  return `10${exponent < 0 ? '⁻' : ''}${digits}`;
}

/** Three significant digits for read-outs: "0.00124", "38.1", "12,400", "3.1 × 10⁷". */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '…';
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude >= 6 || magnitude < -4) {
    return `${withMinus((value / 10 ** magnitude).toFixed(2))}${NARROW}×${NARROW}${powerOfTen(magnitude)}`;
  }
  if (magnitude >= 3) return groupFormat.format(value);
  return withMinus(value.toFixed(Math.max(0, 2 - magnitude)));
}

/** Very small and very large figures: "3.1 × 10⁻⁷". */
export function scientific(value: number): string {
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return `${withMinus((value / 10 ** magnitude).toFixed(1))}${NARROW}×${NARROW}${powerOfTen(magnitude)}`;
}

/** 3.5e6 → "3.5 M". */
export function short(value: number): string {
  const units: [number, string][] = [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']]; // prettier-ignore
  for (const [size, unit] of units) {
    if (value >= size) return `${(value / size).toFixed(value >= 100 * size ? 0 : 1)}${NARROW}${unit}`;
  }
  return String(Math.round(value));
}

/** Bytes in decimal units, as file managers and model hubs count. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let index = 0;
  let size = value;
  while (size >= 1000 && index < units.length - 1) {
    size /= 1000;
    index++;
  }
  return `${index === 0 || size >= 99.95 ? size.toFixed(0) : size.toFixed(1)}${NARROW}${units[index] ?? ''}`;
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  if (seconds < 1) return `1${NARROW}s`;
  if (seconds < 90) return `${Math.round(seconds)}${NARROW}s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}${NARROW}min`;
  return `${(seconds / 3600).toFixed(1)}${NARROW}h`;
}

/** Decimals that show one step of the beta slider (1/200 of the limit). */
export function betaDecimals(limit: number | null): number {
  return limit && limit > 0 ? Math.min(8, Math.max(3, Math.ceil(-Math.log10(limit / 200) - 1e-9))) : 3;
}

/** Beta with fixed decimals while it moves; `trim` drops zeros at the end, keeping three decimals. */
export function beta(value: number, limit: number | null, trim = false): string {
  const decimals = betaDecimals(limit);
  const text = value.toFixed(decimals);
  const shown = trim ? text.replace(/(\.\d{3}\d*?)0+$/, '$1') : text;
  return withMinus(Number(shown) === 0 ? shown.replace('-', '') : shown);
}

/** "layers from 61 % to 79 %", or "every layer 70 %". */
export function layerRange(rates: readonly number[]): string {
  const first = rates[0] ?? 0;
  const last = rates.at(-1) ?? 0;
  if (Math.abs(first - last) < 0.0005) return `every layer ${percent(first)}`;
  return `layers from ${percent(first)} to ${percent(last)}`;
}
