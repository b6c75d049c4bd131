/** Shape checks made before anything is recorded. A failure is a programming error and names the op and the operand. */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { LabBuffer } from '../gpu/scope';
import type { Act, MaskBuffer, Vec, Weight } from './types';

export function require(condition: boolean, op: string, message: string): void {
  if (!condition) throw new LabError('InternalError', `${op}: ${message}.`);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0 && n < 2 ** 32;
}

export function checkBytes(op: string, name: string, buffer: LabBuffer, bytes: number): void {
  require(Number.isSafeInteger(bytes) &&
    buffer.bytes >= bytes, op, `${name} (${buffer.label}) has ${buffer.bytes} bytes, needs ${bytes}`);
}

/** Row-major f32 [rows, cols] fits its buffer and 32-bit indices. */
export function checkAct(
  op: string,
  name: string,
  act: Act,
  shape: { rows?: number; cols?: number } = {},
): void {
  const { rows, cols } = act;
  require(isCount(rows) &&
    isCount(cols) &&
    rows * cols < 2 ** 32, op, `${name} has the shape [${rows}, ${cols}]`);
  require(shape.rows === undefined ||
    rows === shape.rows, op, `${name} has ${rows} rows, expected ${shape.rows}`);
  require(shape.cols === undefined ||
    cols === shape.cols, op, `${name} has ${cols} columns, expected ${shape.cols}`);
  checkBytes(op, name, act.buffer, rows * cols * 4);
}

export function checkVec(op: string, name: string, vec: Vec, length: number): void {
  require(vec.length === length, op, `${name} has length ${vec.length}, expected ${length}`);
  checkBytes(op, name, vec.buffer, length * 4);
}

/** Shards follow one another, cover all rows and hold their bytes. */
export function checkWeight(op: string, weight: Weight): void {
  let next = 0;
  for (const shard of weight.shards) {
    require(shard.rowBegin === next &&
      shard.rows > 0, op, `${weight.name}: a shard begins at row ${shard.rowBegin}, expected ${next}`);
    require(shard.rows * weight.cols <
      2 ** 32, op, `${weight.name}: a shard has ${shard.rows} x ${weight.cols} elements`);
    checkBytes(op, weight.name, shard.buffer, shard.rows * weight.cols * DTYPE_BYTES[weight.dtype]);
    next += shard.rows;
  }
  require(next === weight.rows &&
    weight.rows > 0 &&
    weight.cols > 0, op, `${weight.name} [${weight.rows}, ${weight.cols}]: its shards cover ${next} rows`);
}

export function checkMask(op: string, mask: MaskBuffer, rows: number, cols: number): void {
  require(mask.rows === rows &&
    mask.cols === cols, op, `the mask is [${mask.rows}, ${mask.cols}], the weight [${rows}, ${cols}]`);
  require(mask.wordsPerRow === Math.ceil(cols / 32), op, `the mask has ${mask.wordsPerRow} words per row`);
  checkBytes(op, 'mask', mask.buffer, rows * mask.wordsPerRow * 4);
}
