/** f64 reference: cap * tanh(scale * x / cap); no cap where it is 0. What is not finite as an f32 stays so. */
export function softcapRef(x: ArrayLike<number>, { softcap = 0, scale = 1 }): Float64Array {
  return Float64Array.from(x, (v) => {
    const scaled = v * scale;
    if (!Number.isFinite(Math.fround(scaled))) return Math.fround(scaled);
    return softcap > 0 ? softcap * Math.tanh(scaled / softcap) : scaled;
  });
}
