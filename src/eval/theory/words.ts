/** Numbers as verdicts write them. */
export const figure = (value: number | null): string =>
  value === null || !Number.isFinite(value) ? 'not finite' : String(Number(value.toPrecision(4)));

export const share = (part: number, all: number): string =>
  all === 0 ? 'none' : `${Number(((100 * part) / all).toPrecision(3))} %`;

/** `3 of 17`. */
export const of = (part: number, all: number): string => `${part} of ${all}`;

export const percentChange = (ratio: number): string =>
  `${ratio >= 1 ? '+' : ''}${Number((100 * (ratio - 1)).toPrecision(3))} %`;

/** `1 seed`, `3 seeds`. */
export const many = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
