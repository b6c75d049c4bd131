/** Where two continuations of one prompt part ways. */

export interface Parts {
  same: string;
  /** The first differing word. */
  first: string;
  rest: string;
}

/**
 * Splits both texts at the beginning of the first word that differs. While they are being written only what both have
 * so far is compared: a text that is merely shorter does not differ yet.
 */
export function splitAtDifference(
  dense: string,
  pruned: string,
  writing: boolean,
): { dense: Parts; pruned: Parts } {
  const limit = Math.min(dense.length, pruned.length);
  let at = 0;
  while (at < limit && dense[at] === pruned[at]) at++;
  const differs = at < limit || (!writing && dense.length !== pruned.length);
  if (!differs)
    return { dense: { same: dense, first: '', rest: '' }, pruned: { same: pruned, first: '', rest: '' } };
  while (at > 0 && !/\s/.test(dense[at] ?? pruned[at] ?? ' ')) at--;
  return { dense: cut(dense, at), pruned: cut(pruned, at) };
}

function cut(text: string, at: number): Parts {
  const word = /^\s*\S*/.exec(text.slice(at))?.[0] ?? '';
  const lead = /^\s*/.exec(word)?.[0] ?? '';
  return {
    same: text.slice(0, at) + lead,
    first: word.slice(lead.length),
    rest: text.slice(at + word.length),
  };
}
