/**
 * The text that comes with the lab: Herman Melville's "Moby-Dick", chapters 1 to 135 and the epilogue, joined with
 * "\n\n" into one UTF-8 file by scripts/make-text.js. Pure facts about that file; reading it is up to the caller.
 */
import type { TextName } from './spec';

/** Bytes [begin, end) of the file. */
export type ByteSlice = readonly [begin: number, end: number];

export interface BundledText {
  readonly name: string;
  /** Relative to the page, and to public/ in the repository. */
  readonly path: string;
  /** Of the whole file, lower-case hex. */
  readonly sha256: string;
  /** Length of the whole file. */
  readonly bytes: number;
  /** Disjoint, in order, each from the first byte of a chapter to the last byte of one. */
  readonly slices: Readonly<Record<TextName, ByteSlice>>;
  /** A fourth one behind them, which the cloze set is made of. */
  readonly cloze: ByteSlice;
}

export const BUNDLED_TEXT: BundledText = {
  name: 'moby-dick',
  path: 'texts/moby-dick.txt',
  sha256: '6eddb555305eba56f60e638e8aac85dd4e846326bf33f7b485a06ad7e169d423',
  bytes: 1194529,
  slices: {
    calibration: [0, 724989], // chapters 1 to 78
    select: [724991, 964421], // chapters 79 to 104
    report: [964423, 1071837], // chapters 105 to 123
  },
  cloze: [1071839, 1194529], // chapters 124 to 135 and the epilogue
};
