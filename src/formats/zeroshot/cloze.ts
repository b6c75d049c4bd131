/**
 * The bundled cloze set: two sentences of the held-out slice of the bundled text, then the sentence that follows them
 * against three that stand elsewhere in the slice. The set follows from the bytes of the text alone.
 */
import { Rng } from '../../core/rng';

export interface ClozeItem {
  context: string;
  options: string[];
  gold: number;
}

/** Sentences before the gap; an item takes one more, and none is in two items. */
const BEFORE = 2;
const OPTIONS = 4;
/** Characters of a sentence that can be an option: long enough to say something, short enough to be quick. */
const SHORTEST = 30;
const LONGEST = 180;
const LONGEST_CONTEXT = 400;

/** Of a slice of whole chapters. */
export function clozeItems(slice: string): ClozeItem[] {
  const paragraphs = slice
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '' && !/^(CHAPTER \d|Epilogue$)/.test(paragraph))
    .map(sentencesOf);
  const usable = (sentence: string): boolean =>
    sentence.length >= SHORTEST && sentence.length <= LONGEST && /[.!?]["'”’)]*$/.test(sentence);
  const pool = [...new Set(paragraphs.flat().filter(usable))];
  const rng = new Rng(0, 'cloze');
  const items: ClozeItem[] = [];
  for (const sentences of paragraphs) {
    for (let at = BEFORE; at < sentences.length;) {
      const answer = sentences[at] ?? '';
      const context = sentences.slice(at - BEFORE, at).join(' ');
      if (!usable(answer) || context.length > LONGEST_CONTEXT) {
        at += 1;
        continue;
      }
      const options = others(pool, sentences, rng);
      const gold = rng.below(OPTIONS);
      options.splice(gold, 0, answer);
      items.push({ context, options, gold });
      at += BEFORE + 1;
    }
  }
  return items;
}

/** Three different sentences that do not stand in this paragraph. */
function others(pool: readonly string[], paragraph: readonly string[], rng: Rng): string[] {
  const found: string[] = [];
  while (found.length < OPTIONS - 1) {
    const drawn = pool[rng.below(pool.length)] ?? '';
    if (!found.includes(drawn) && !paragraph.includes(drawn)) found.push(drawn);
  }
  return found;
}

/** Cut behind a full stop, question or exclamation mark (and closing quotes) before a capital or an opening quote. */
function sentencesOf(paragraph: string): string[] {
  return paragraph.split(/(?<=[.!?]["'”’)]*) (?=["'“‘(]*\p{Lu})/u);
}

/** As a file of JSON lines. */
export function clozeLines(items: readonly ClozeItem[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}
