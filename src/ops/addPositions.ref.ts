import type { AddPositionsOptions } from './addPositions';

/** f64 reference: x [*, cols] plus the rows of `table` for its positions. */
export function addPositionsRef(
  x: ArrayLike<number>,
  table: ArrayLike<number>,
  cols: number,
  { seqLength, positionBegin, offset }: AddPositionsOptions,
): Float64Array {
  return Float64Array.from(x, (value, i) => {
    const position = (Math.floor(i / cols) % seqLength) + positionBegin;
    return value + (table[(offset + position) * cols + (i % cols)] ?? NaN);
  });
}
