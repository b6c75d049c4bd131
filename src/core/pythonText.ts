/** Python's text methods where JavaScript's differ: what prompts are made of must be the same characters. */

/** What `str.isspace` is true of. JavaScript counts U+FEFF as well, and not U+001C to U+001F and U+0085. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const RE_SPACE = new RegExp(`[${SPACE}]`);

/** `str.rstrip()`. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && RE_SPACE.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** `str.strip()`. */
export function strip(text: string): string {
  let begin = 0;
  while (begin < text.length && RE_SPACE.test(text.charAt(begin))) begin++;
  return rstrip(text.slice(begin));
}

/** Letters whose title case is neither their upper nor their lower case. */
const TITLE: Record<string, string> = { Ǆ: 'ǅ', Ǉ: 'ǈ', Ǌ: 'ǋ', Ǳ: 'ǲ' };

/** `str.capitalize()`: the first character in title case, the rest in lower case. */
export function capitalize(text: string): string {
  const [first = ''] = text;
  const upper = first.toUpperCase();
  const [head = '', ...more] = upper;
  // In one piece, so that a final sigma sees what stands before it.
  const rest = text.toLowerCase().slice(first.toLowerCase().length);
  return (TITLE[head] ?? head) + more.join('').toLowerCase() + rest;
}

/** `len(text)`: code points. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}
