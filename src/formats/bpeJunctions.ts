/**
 * Where byte-pair encoding can never join two characters. A merge that reaches over the boundary between characters
 * a and b needs, at some point, a left token that ends in a and a right token that begins with b; where no merge rule
 * has that junction, the text may be cut and encoded part by part with the same result. Sentencepiece-like models see
 * a whole text as one piece, which this turns into words.
 */
import type { BPE } from '@huggingface/tokenizers';

/** Cuts a piece at such boundaries; null where rules beyond merges look at the whole piece. */
export function junctionSplitter(model: BPE): ((piece: string) => string[]) | null {
  if (model.ignore_merges || model.end_of_word_suffix || model.continuing_subword_suffix) return null;
  // Runs of unknown characters may be fused; with every byte in the vocabulary there are none.
  if (model.fuse_unk && !(model.byte_fallback && hasAllBytes(model))) return null;
  const junctions = new Set<number>();
  for (const [left, right] of model.merges) {
    junctions.add(junction(lastCodePoint(left), right.codePointAt(0) ?? 0));
  }
  return (piece) => {
    const parts: string[] = [];
    let begin = 0;
    let previous = piece.codePointAt(0) ?? 0;
    for (let at = previous > 0xffff ? 2 : 1; at < piece.length;) {
      const next = piece.codePointAt(at) ?? 0;
      if (!junctions.has(junction(previous, next))) {
        parts.push(piece.slice(begin, at));
        begin = at;
      }
      previous = next;
      at += next > 0xffff ? 2 : 1;
    }
    parts.push(piece.slice(begin));
    return parts;
  };
}

/** One number for two code points: each is below 2^21. */
function junction(left: number, right: number): number {
  return left * 0x200000 + right;
}

function lastCodePoint(text: string): number {
  const last = text.charCodeAt(text.length - 1);
  const isPair = last >= 0xdc00 && last <= 0xdfff && text.length > 1;
  return isPair ? (text.codePointAt(text.length - 2) ?? 0) : last;
}

function hasAllBytes(model: BPE): boolean {
  for (let byte = 0; byte < 256; byte++) {
    if (!model.tokens_to_ids.has(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)) return false;
  }
  return true;
}
