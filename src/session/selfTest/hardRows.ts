/** Weights whose scores are hard to order, and masks to compare, for the cases of the pruning kernels. */
import { fromF32, toF32, type FloatDtype } from '../../core/dtypes';
import { LabError } from '../../core/errors';
import { Rng } from '../../core/rng';
import { scoresRef } from '../../ops/select.ref';
import { normals, upload, uploadVec, uploadWeight } from '../../ops/trial';
import type { MaskBuffer, Vec, Weight } from '../../ops/types';
import type { KernelCheck, Rig } from './check';
import { DTYPES } from './forwardChecks';

export interface Scored {
  rows: number;
  cols: number;
  weight: Weight;
  bytes: Uint8Array;
  norms: Vec | null;
  hostNorms: Float32Array | null;
}

/** Ten rows, each hard in its own way. `cols` a multiple of 8 where groups are tried. */
export function scored(rig: Rig, cols: number, dtype: FloatDtype, withNorms: boolean): Scored {
  const rng = new Rng(20, `hard rows ${cols}`);
  const pick = (list: readonly number[]) => (): number => list[rng.below(list.length)] ?? 0;
  const kinds = [
    () => rng.normal(),
    () => rng.normal(),
    () => 0.5,
    pick([0, -0]),
    pick([NaN, 1, -2, 0]),
    pick([Infinity, -Infinity, 3]),
    () => (rng.below(8) - 4) / 8,
    pick([2 ** -24, -3 * 2 ** -24, 2 ** -14, 0]),
    () => 2 ** -rng.below(12),
    () => 1 + rng.below(5) * 2 ** -8,
  ];
  const values = Float32Array.from(
    { length: kinds.length * cols },
    (_, i) => kinds[Math.floor(i / cols)]?.() ?? 0,
  );
  const bytes = fromF32(values, dtype);
  const hostNorms = withNorms ? normals(cols, 21).map(Math.abs) : null;
  if (hostNorms) hostNorms[1] = 0;
  return {
    rows: kinds.length,
    cols,
    weight: uploadWeight(rig, values, cols, dtype, 4).weight,
    bytes,
    norms: hostNorms && uploadVec(rig, hostNorms),
    hostNorms,
  };
}

/** Scores in f64, [rows, cols]. */
export const scoresOf = (s: Scored, dtype: FloatDtype): Float64Array =>
  scoresRef(toF32(s.bytes, dtype), s.cols, s.hostNorms);

export const POISON = 0xdeadbeef;

export function poisonedMask(rig: Rig, rows: number, cols: number): MaskBuffer {
  const wordsPerRow = Math.ceil(cols / 32);
  return {
    buffer: upload(rig, new Uint32Array(rows * wordsPerRow + 8).fill(POISON)),
    rows,
    cols,
    wordsPerRow,
  };
}

export async function expectMask(rig: Rig, mask: MaskBuffer, want: Uint32Array): Promise<void> {
  const got = new Uint32Array(await rig.rec.read(mask.buffer, 0, (want.length + 8) * 4));
  const bad = got.findIndex((word, i) => word !== (want[i] ?? POISON));
  if (bad >= 0) throw new LabError('InternalError', `mask word ${bad} of ${want.length} is wrong`);
}

export function countsFor(rows: number, cols: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, r) => [Math.trunc(cols * 0.7), 0, cols, 1, Math.trunc(cols / 2)][r % 5] ?? 0); // prettier-ignore
}

/** One case for each weight type; the quick test has that of `quick` alone. */
export const each = (
  make: (dtype: FloatDtype, thorough?: true) => KernelCheck,
  quick: FloatDtype,
): KernelCheck[] => DTYPES.map((dtype) => make(dtype, dtype === quick ? undefined : true));
