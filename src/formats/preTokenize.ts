/**
 * Cuts text into the pieces that a tokenizer's model sees, with the rules of Hugging Face's `tokenizers` (Rust).
 * The steps are our own where `@huggingface/tokenizers` differs: white space and digits beyond ASCII, the behaviours
 * of Split, Metaspace's own split. Its translation of regular expressions is used.
 */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { LabError } from '../core/errors';
import { isJsonObject } from './json';

/** `first`: the piece begins where the whole text begins. `beat` is called for every match. */
type Step = (piece: string, first: boolean, beat: Beat) => string[];
type Beat = () => void;

export interface PreTokenizerPlan {
  /** Pieces of a text, in order, before `finish`. `beat` is called while there is progress. */
  cut(text: string, first: boolean, beat?: Beat): string[];
  /** One piece as the model wants it; pure, so its result may be kept. */
  finish(piece: string): string;
}

type SplitConfig = ConstructorParameters<typeof SplitPreTokenizer>[0];
type Behavior = 'removed' | 'isolated' | 'contiguous' | 'mergedwithprevious' | 'mergedwithnext';

/** Unicode White_Space, unlike JavaScript's \s, holds U+0085 and not U+FEFF. */
const RE_GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const RE_NUMERIC = /\p{N}/gu;
const RE_WHITE_SPACE = /\p{White_Space}/gu;
const RE_PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const RE_WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{White_Space}]+/gu;

/** From the `pre_tokenizer` of a tokenizer.json; null leaves the text whole. FormatError on an unknown kind. */
export function planPreTokenizer(config: unknown): PreTokenizerPlan {
  const steps: Step[] = [];
  let finish = (piece: string): string => piece;
  const parts = flatten(config);
  for (const [i, part] of parts.entries()) {
    if (part.type === 'ByteLevel') {
      if (part.add_prefix_space === true)
        steps.push((piece) => [piece.startsWith(' ') ? piece : ` ${piece}`]);
      if (part.use_regex !== false)
        steps.push((piece, _first, beat) => split(piece, RE_GPT2, 'isolated', false, beat));
      // At the end it changes each piece by itself, which is left to the caller's cache.
      if (i === parts.length - 1) finish = byteLevel;
      else steps.push((piece) => [byteLevel(piece)]);
    } else {
      steps.push(stepOf(part));
    }
  }
  return {
    cut(text, first, beat = () => undefined) {
      let pieces = [text];
      steps.forEach((step) => {
        // Only the first piece can begin where the text does.
        pieces = pieces
          .flatMap((piece, i) => step(piece, first && i === 0, beat))
          .filter((piece) => piece !== '');
      });
      return pieces;
    },
    finish,
  };
}

type Part = Record<string, unknown>;

function flatten(config: unknown, depth = 0): Part[] {
  if (config === null || config === undefined) return [];
  if (!isJsonObject(config) || depth > 8) throw unknownKind(config);
  if (config.type !== 'Sequence') return [config];
  if (!Array.isArray(config.pretokenizers)) throw unknownKind(config);
  return config.pretokenizers.flatMap((part: unknown) => flatten(part, depth + 1));
}

function stepOf(part: Part): Step {
  switch (part.type) {
    case 'Split':
      return splitStep(part);
    case 'Digits':
      return (piece) =>
        split(piece, RE_NUMERIC, part.individual_digits === true ? 'isolated' : 'contiguous', false);
    case 'Metaspace':
      return metaspaceStep(part);
    case 'Punctuation': {
      const behavior = behaviorOf(part.behavior ?? 'Isolated');
      return (piece) => split(piece, RE_PUNCTUATION, behavior, false);
    }
    case 'Whitespace':
      return (piece) => split(piece, RE_WORDS, 'removed', true);
    case 'WhitespaceSplit':
      return (piece) => split(piece, RE_WHITE_SPACE, 'removed', false);
    case 'BertPreTokenizer':
      return (piece) =>
        split(piece, RE_WHITE_SPACE, 'removed', false).flatMap((word) =>
          split(word, RE_PUNCTUATION, 'isolated', false),
        );
    case 'CharDelimiterSplit': {
      const { delimiter } = part;
      if (typeof delimiter !== 'string' || delimiter === '') throw unknownKind(part);
      return (piece) => piece.split(delimiter);
    }
    default:
      throw unknownKind(part);
  }
}

function splitStep(part: Part): Step {
  const behavior = behaviorOf(part.behavior);
  const invert = part.invert === true;
  // `invert: true` there keeps a plain string from becoming a capturing group.
  const config = { type: 'Split', pattern: part.pattern, behavior: 'Isolated', invert: true } as SplitConfig;
  const { pattern } = new SplitPreTokenizer(config);
  if (!pattern) throw unknownKind(part);
  return (piece, _first, beat) => split(piece, pattern, behavior, invert, beat);
}

function metaspaceStep(part: Part): Step {
  const mark = typeof part.replacement === 'string' && part.replacement !== '' ? part.replacement : '▁';
  const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always');
  const cut = part.split !== false;
  const pattern = new RegExp(mark.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'), 'gu');
  return (piece, first) => {
    let text = piece.replaceAll(' ', mark);
    if (!text.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && first))) text = mark + text;
    return cut ? split(text, pattern, 'mergedwithnext', false) : [text];
  };
}

function behaviorOf(value: unknown): Behavior {
  const name = typeof value === 'string' ? value.toLowerCase().replaceAll('_', '') : '';
  if (name === 'removed' || name === 'isolated' || name === 'contiguous') return name;
  if (name === 'mergedwithprevious' || name === 'mergedwithnext') return name;
  throw unknownKind({ behavior: value });
}

interface Range {
  text: string;
  match: boolean;
}

/** Cuts at the matches of `pattern` (or, inverted, at what lies between them). */
function split(piece: string, pattern: RegExp, behavior: Behavior, invert: boolean, beat?: Beat): string[] {
  const ranges: Range[] = [];
  let done = 0;
  let matches = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(piece); match; match = pattern.exec(piece)) {
    const text = match[0];
    // Looking at the clock costs more than most matches.
    if (beat && (++matches & 255) === 0) beat();
    if (text === '') {
      pattern.lastIndex += (piece.codePointAt(pattern.lastIndex) ?? 0) > 0xffff ? 2 : 1;
      continue;
    }
    if (match.index > done) ranges.push({ text: piece.slice(done, match.index), match: invert });
    ranges.push({ text, match: !invert });
    done = match.index + text.length;
  }
  if (done < piece.length) ranges.push({ text: piece.slice(done), match: invert });
  return join(ranges, behavior);
}

function join(ranges: Range[], behavior: Behavior): string[] {
  if (behavior === 'isolated') return ranges.map((r) => r.text);
  if (behavior === 'removed') return ranges.filter((r) => !r.match).map((r) => r.text);
  const backwards = behavior === 'mergedwithnext';
  const out: string[] = [];
  let previous = false;
  for (const { text, match } of backwards ? ranges.reverse() : ranges) {
    const joins = behavior === 'contiguous' ? match === previous : match && !previous;
    const last = out.length - 1;
    if (joins && last >= 0) out[last] = backwards ? text + (out[last] ?? '') : (out[last] ?? '') + text;
    else out.push(text);
    previous = match;
  }
  return backwards ? out.reverse() : out;
}

/** The printable character that stands for each byte (GPT-2's table, openai/gpt-2 src/encoder.py). */
const BYTE_CHARS: string[] = (() => {
  const chars: string[] = [];
  let extra = 256;
  for (let b = 0; b < 256; b++) {
    const printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    chars.push(String.fromCharCode(printable ? b : extra++));
  }
  return chars;
})();

const encoder = new TextEncoder();

function byteLevel(piece: string): string {
  let out = '';
  for (const byte of encoder.encode(piece)) out += BYTE_CHARS[byte] ?? '';
  return out;
}

function unknownKind(part: unknown): LabError {
  return new LabError(
    'FormatError',
    `tokenizer.json: a pre-tokenizer this lab does not know: ${JSON.stringify(part).slice(0, 200)}.`,
    'Give token ids instead of text.',
  );
}
