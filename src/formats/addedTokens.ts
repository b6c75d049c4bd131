/**
 * Finds the added tokens of a tokenizer in a text, with the rules of Hugging Face's `tokenizers` (Rust): leftmost,
 * then longest; `single_word`, `lstrip` and `rstrip`; tokens marked `normalized` are looked for after normalisation.
 */
import { isJsonObject } from './json';

export interface AddedToken {
  id: number;
  content: string;
  singleWord: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

export function readAddedTokens(list: unknown): AddedToken[] {
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).flatMap((t) => {
    if (typeof t.content !== 'string' || t.content === '' || typeof t.id !== 'number') return [];
    const special = t.special === true;
    return [
      {
        id: t.id,
        content: t.content,
        singleWord: t.single_word === true,
        lstrip: t.lstrip === true,
        rstrip: t.rstrip === true,
        normalized: typeof t.normalized === 'boolean' ? t.normalized : !special,
        special,
      },
    ];
  });
}

/** A stretch of text, or the id of the added token that stood there. `first`: begins where the text begins. */
export type Section = { text: string; first: boolean } | { id: number };

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const RE_STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u');
const RE_ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u');
const RE_LEADING_SPACE = /^\p{White_Space}*/u;
const RE_SPACE = /^\p{White_Space}$/u;

export class AddedTokenSplitter {
  readonly #byContent: Map<string, AddedToken>;
  readonly #pattern: RegExp | null;

  /** `contentOf` is what to look for, for tokens that are matched in normalised text. */
  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string = (t) => t.content) {
    this.#byContent = new Map(tokens.map((t) => [contentOf(t), t]));
    this.#byContent.delete('');
    // Longest first: a regular expression takes the first alternative that fits.
    const contents = [...this.#byContent.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = contents.length > 0 ? new RegExp(contents.map(escapeRegExp).join('|'), 'gu') : null;
  }

  split(text: string, first: boolean): Section[] {
    if (!this.#pattern) return [{ text, first }];
    const sections: Section[] = [];
    let done = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#byContent.get(match[0]);
      let begin = match.index;
      let end = begin + match[0].length;
      if (!token || (token.singleWord && touchesWord(text, begin, end))) continue;
      if (token.lstrip) while (begin > done && RE_SPACE.test(text.charAt(begin - 1))) begin--;
      if (token.rstrip) end += RE_LEADING_SPACE.exec(text.slice(end))?.[0].length ?? 0;
      // A space that an earlier token has taken may hold the beginning of this one.
      if (match.index < done) continue;
      if (begin > done) sections.push({ text: text.slice(done, begin), first: first && done === 0 });
      sections.push({ id: token.id });
      done = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done), first: first && done === 0 });
    return sections;
  }
}

function touchesWord(text: string, begin: number, end: number): boolean {
  // Two units on each side hold the neighbouring code point, surrogate pair or not.
  const before = text.slice(Math.max(0, begin - 2), begin);
  return RE_ENDS_WITH_WORD.test(before) || RE_STARTS_WITH_WORD.test(text.slice(end, end + 2));
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
