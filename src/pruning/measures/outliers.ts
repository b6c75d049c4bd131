/** OWL: percentage of the scores that lie above `factor` times their mean (strictly). f64 sums. */
export function outlierPercentage(scores: Float32Array, factor: number): number {
  if (scores.length === 0) return 0;
  let sum = 0;
  for (const score of scores) sum += score;
  const limit = (factor * sum) / scores.length;
  let above = 0;
  for (const score of scores) if (score > limit) above++;
  return (100 * above) / scores.length;
}
