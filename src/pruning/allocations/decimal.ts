/** Exact decimals for grids: digits * 10^-places. Only what the grid of ATP needs. */
export interface Decimal {
  digits: bigint;
  /** Number of decimal places, >= 0. */
  places: number;
}

/** A finite number by its shortest decimal (0.7 is 7/10, not the f64 beside it), or a decimal literal. */
export function parseDecimal(value: number | string): Decimal {
  const [mantissa = '0', exponent = '0'] = String(value).toLowerCase().split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}

function align(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const places = Math.max(a.places, b.places);
  return [a.digits * 10n ** BigInt(places - a.places), b.digits * 10n ** BigInt(places - b.places), places];
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  const [x, y] = align(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  const [x, y, places] = align(a, b);
  return { digits: x - y, places };
}

export function scaleDecimal(a: Decimal, factor: bigint): Decimal {
  return { digits: a.digits * factor, places: a.places };
}

export function halveDecimal(a: Decimal): Decimal {
  return { digits: a.digits * 5n, places: a.places + 1 };
}

/** The nearest f64. */
export function decimalToNumber(a: Decimal): number {
  return Number(`${a.digits}e-${a.places}`);
}
