/** f64 reference: silu(gate) * up. */
export function swigluRef(gate: ArrayLike<number>, up: ArrayLike<number>): Float64Array {
  return Float64Array.from(
    { length: gate.length },
    (_, i) => (Number(gate[i]) / (1 + Math.exp(-Number(gate[i])))) * Number(up[i]),
  );
}
