/** Which groups go, and the masks and lists that say so. */
import { LabError } from '../../core/errors';
import { removedLines, type GroupFamily } from './groups';

/** `current - trunc(initial * (1 - ratio))` of LLM-Pruner, in one step: all groups are still there. */
export function removedCount(groups: number, ratio: number): number {
  return groups - Math.trunc(groups * (1 - ratio));
}

/** The `count` least important groups, ascending by number; of equals the lowest numbers go first. */
export function leastImportant(importance: Float64Array, count: number): number[] {
  const bad = importance.findIndex((x) => Number.isNaN(x));
  if (bad >= 0)
    throw new LabError(
      'InternalError',
      `The importance of group ${bad} is not a number: the gradient diverged.`,
      'Use --set importance=magnitude.',
    );
  return Array.from(importance.keys())
    .sort((a, b) => (importance[a] ?? 0) - (importance[b] ?? 0) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** A mask in the layout of MatrixChoice.kept. */
export interface MaskWords {
  rows: number;
  cols: number;
  words: Uint32Array<ArrayBuffer>;
}

/** A mask that keeps everything; bits beyond a row are 0. */
export function fullMask(rows: number, cols: number): MaskWords {
  const perRow = Math.ceil(cols / 32);
  const words = new Uint32Array(rows * perRow).fill(0xffffffff);
  if (cols % 32 > 0) for (let r = 0; r < rows; r++) words[(r + 1) * perRow - 1] = 2 ** (cols % 32) - 1;
  return { rows, cols, words };
}

/** Clears the bits of these groups. */
export function maskGroups(
  masks: Readonly<Record<string, MaskWords>>,
  family: GroupFamily,
  groups: readonly number[],
): void {
  for (const { matrix, axis, lines } of removedLines(family, groups)) {
    const mask = masks[matrix];
    if (!mask) throw new Error(`there is no mask of ${matrix}`);
    const perRow = Math.ceil(mask.cols / 32);
    if (axis === 'rows') for (const r of lines) mask.words.fill(0, r * perRow, (r + 1) * perRow);
    else
      for (let r = 0; r < mask.rows; r++)
        for (const c of lines) {
          const at = r * perRow + (c >>> 5);
          mask.words[at] = (mask.words[at] ?? 0) & ~(1 << (c & 31));
        }
  }
}

/** The groups of which masks keep nothing. */
export function groupsWithout(masks: Readonly<Record<string, MaskWords>>, family: GroupFamily): number[] {
  return Array.from({ length: family.count }, (_, g) => g).filter((g) =>
    removedLines(family, [g]).every(({ matrix, axis, lines }) => {
      const mask = masks[matrix];
      return mask !== undefined && lines.every((line) => !keepsAny(mask, axis, line));
    }),
  );
}

function keepsAny({ rows, cols, words }: MaskWords, axis: 'rows' | 'cols', line: number): boolean {
  const perRow = Math.ceil(cols / 32);
  if (axis === 'rows') return words.subarray(line * perRow, (line + 1) * perRow).some((word) => word !== 0);
  const bit = 1 << (line & 31);
  for (let r = 0; r < rows; r++) if (((words[r * perRow + (line >>> 5)] ?? 0) & bit) !== 0) return true;
  return false;
}
