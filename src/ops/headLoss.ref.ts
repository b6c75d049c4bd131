/** f64 reference of -log softmax(logits)[target], from whole logits [targets.length, vocab]. */
export function headLossRef(
  logits: ArrayLike<number>,
  vocab: number,
  targets: ArrayLike<number>,
): Float64Array {
  return Float64Array.from(targets, (target, r) => {
    if (target === 0xffffffff) return 0;
    let highest = -Infinity;
    for (let c = 0; c < vocab; c++) highest = Math.max(highest, Number(logits[r * vocab + c]));
    let sum = 0;
    for (let c = 0; c < vocab; c++) sum += Math.exp(Number(logits[r * vocab + c]) - highest);
    return Math.log(sum) + highest - Number(logits[r * vocab + target]);
  });
}
