/** Beginnings of texts, for work that needs fewer tokens than a run measures. */
import { sha256Hex } from '../core/hash';
import type { ResolvedText } from './texts';

/** The first `lengths[i]` tokens of window i, for as many windows as there are lengths. */
async function cut(text: ResolvedText, lengths: readonly number[]): Promise<ResolvedText> {
  const tokens = lengths.reduce((a, b) => a + b, 0);
  const ids = new Uint32Array(tokens);
  let from = 0;
  let to = 0;
  for (const [i, length] of lengths.entries()) {
    ids.set(text.windows.ids.subarray(from, from + length), to);
    from += text.windows.lengths[i] ?? 0;
    to += length;
  }
  return {
    ...text,
    windows: { ids, lengths: [...lengths], tokens },
    record: {
      ...text.record,
      sha256: await sha256Hex(new Uint8Array(ids.buffer)),
      windows: lengths.length,
      window: Math.max(...lengths),
      tokens,
    },
  };
}

/** The beginning of a text: whole windows while they fit, else the first window's beginning. */
export async function firstTokens(text: ResolvedText, tokens: number): Promise<ResolvedText> {
  if (text.windows.tokens <= tokens) return text;
  const lengths: number[] = [];
  let sum = 0;
  for (const length of text.windows.lengths) {
    if (sum + length > tokens) break;
    lengths.push(length);
    sum += length;
  }
  return cut(text, lengths.length > 0 ? lengths : [Math.min(tokens, text.windows.lengths[0] ?? tokens)]);
}

/** LLM-Pruner's batch: beginnings of 64 tokens of the first ten windows (arXiv 2305.11627). */
export function snippets(text: ResolvedText): Promise<ResolvedText> {
  return cut(
    text,
    text.windows.lengths.slice(0, 10).map((length) => Math.min(length, 64)),
  );
}
