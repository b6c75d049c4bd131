/** Sizes of what gram.ts and columnMoments.ts work with, for those who allocate before they load them. */
import { SCRATCH_BYTES } from './workspace';

/** Tokens added in one f32 run before their sum joins the others. */
const PIECE_TOKENS = 1024;

/** Tokens of x [rows, cols] that are turned round at a time. */
export function pieceTokens(rows: number, cols: number): number {
  const fit = Math.floor(SCRATCH_BYTES / (16 * cols)) * 4;
  return Math.min(PIECE_TOKENS, Math.max(4, fit), Math.ceil(rows / 4) * 4);
}

/** Bytes of scratch that x [rows, cols] takes. */
export function gramScratchBytes(rows: number, cols: number): number {
  return pieceTokens(rows, cols) * cols * 4;
}

/** Chunks of one sequence. */
export function momentChunks(length: number, rowsPerChunk: number): number {
  return Math.ceil(length / rowsPerChunk);
}
