/** f64 reference of the half-split rotary embedding; angles are position * theta^(-2i / rotaryDim). */
export function ropeTableRef(positions: number, rotaryDim: number, theta: number): Float64Array {
  const pairs = rotaryDim / 2;
  const table = new Float64Array(positions * rotaryDim);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < pairs; i++) {
      const angle = p * theta ** ((-2 * i) / rotaryDim);
      table[(p * pairs + i) * 2] = Math.cos(angle);
      table[(p * pairs + i) * 2 + 1] = Math.sin(angle);
    }
  }
  return table;
}

export interface RopeShape {
  heads: number;
  headDim: number;
  seqLength: number;
  positionBegin: number;
  rotaryDim: number;
}

export function ropeRef(x: ArrayLike<number>, table: ArrayLike<number>, shape: RopeShape): Float64Array {
  const { heads, headDim, seqLength, positionBegin, rotaryDim } = shape;
  const pairs = rotaryDim / 2;
  const out = Float64Array.from(x);
  const rows = x.length / (heads * headDim);
  for (let row = 0; row < rows; row++) {
    const position = (row % seqLength) + positionBegin;
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < pairs; i++) {
        const at = (row * heads + head) * headDim + i;
        const cos = Number(table[(position * pairs + i) * 2]);
        const sin = Number(table[(position * pairs + i) * 2 + 1]);
        const a = Number(x[at]);
        const b = Number(x[at + pairs]);
        out[at] = a * cos - b * sin;
        out[at + pairs] = b * cos + a * sin;
      }
    }
  }
  return out;
}
