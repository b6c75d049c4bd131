/**
 * How far a GPU result may lie from its f64 reference, per op. Bounds are derived, not tuned: `EPS` is the relative
 * error of one correctly rounded f32 operation; a sum of n products in any order errs by at most about n * EPS times
 * the sum of their absolute values; WGSL allows a few more ULP to division, sqrt and exp. Masks, indices and counts
 * are exact and have no entry.
 */

import type { MomentPoint } from './columnMoments.ref';
import type { NormBackwardPoint } from './normBackward.ref';

/** Half an ULP, relative: 2^-24. */
export const EPS = 2 ** -24;

/** WGSL: exp(x) errs by at most 3 + 2|x| ULP, relative; an ULP is 2 EPS. */
function expEps(x: number): number {
  return 2 * EPS * (3 + 2 * Math.abs(x));
}

/**
 * cap * tanh(x / cap), relative. A division (2.5 ULP), which tanh passes on at most undiminished, and a product. Below
 * 1 two polynomials of six positive roundings each and a division: 12 + 5 EPS. Above 1, 2 / (e + 1) with e = exp(2u):
 * its errors, e's 2 EPS (3 + 4u) among them, weigh at most 2e / (e + 1)² <= 0.21 against a tanh of at least 0.76: 6
 * EPS with the last difference.
 */
const softcapEps = 24 * EPS;

/** A logit: k roundings of Σ|x||w|, the scaling, the soft cap. */
function logitError(k: number, magnitude: number, capped: boolean): number {
  return (k + 4) * EPS * magnitude + (capped ? softcapEps * magnitude : 0);
}

/** One value of a LayerNorm and its row. */
export interface LayerNormPoint {
  cols: number;
  /** Of the row: mean |x| and mean |x - mean|. */
  size: number;
  spread: number;
  /** |weight| / sqrt(variance + eps): what an error of x - mean is multiplied by. */
  gain: number;
  /** The normalised part alone, without bias and residual. */
  normed: number;
  bias: number;
}

export const OP_TOLERANCE = {
  /** One product, with a scale rounded to f32. Without a scale rows are exact. */
  embedScaled: (value: number): number => 2 * EPS * Math.abs(value),
  /** One sum; the table's values are exact. */
  addPositions: (value: number): number => EPS * Math.abs(value),
  /** One scaled element; what is too small for a normal f32 may become 0. */
  softcap: (value: number): number => (softcapEps + EPS) * Math.abs(value) + 2 ** -126,
  /** Eight values below 16: two roundings a step, of which the next leaves three quarters; then seven additions. */
  peakFma: (value: number): number => (8 * 16 * 2 * 4 + 7 * Math.abs(value)) * EPS,
  /** k products and additions, plus bias and residual, scaled by Σ|x||w|. */
  matmul: (k: number, magnitude: number): number => (k + 3) * EPS * magnitude,
  /**
   * The same through halves (2^-11 for each rounding): x, the product and three additions of a sum of four round once
   * each, then as above. What is below 2^-14 may become 0: x times the largest weight, a product, three sums.
   */
  matmulHalf: (k: number, magnitude: number, largestWeight: number): number =>
    (5 * 2 ** -11 + 2 ** -18 + (k + 3) * EPS) * magnitude + k * 2 ** -14 * (largestWeight + 4),
  /**
   * normed = x * scale * (offset + weight): the sum of cols squares (relative, all positive), division, square root
   * and its reciprocal (2.5 ULP each by WGSL's rules), a sum and two products. Then the sum with the residual.
   */
  rmsNorm: (cols: number, normed: number, value: number): number =>
    (cols / 2 + 21) * EPS * Math.abs(normed) + EPS * Math.abs(value),
  /**
   * normed = (x - mean - rest) * gain. A device may take mean + rest together: two roundings as large as the mean. The
   * sum of `rest` errs by cols roundings of its terms, the distances from the first mean, which itself was off by cols
   * roundings of the size. The scale as in rmsNorm, where rest² may take half of the sum away. Then bias and residual.
   */
  layerNorm: ({ cols, size, spread, gain, normed, bias }: LayerNormPoint, value: number): number =>
    gain * EPS * (2 * size + (cols / 2 + 4) * (spread + cols * EPS * size)) +
    (cols + 22) * EPS * Math.abs(normed) +
    EPS * (Math.abs(bias) + Math.abs(value)),
  /** Two products and a sum, with sine and cosine rounded to f32. */
  rope: (a: number, b: number): number => 4 * EPS * (Math.abs(a) + Math.abs(b)),
  /**
   * act(x) (* up). `tail`, the value at -|x|, goes through exp(-exponent): exp's own error, an argument that at most 6
   * operations made, and for gelu a quotient of two polynomials without cancellation (2 * 9 operations, coefficients
   * rounded once, division 2.5 ULP). On the whole value: 1 - tail or the sum and division of a sigmoid, two products.
   * Devices may flush exp below 2^-126. For gelu that is at most 23 EPS |x|, near 0; SwiftShader reaches 2.1.
   */
  activate: (exponent: number, tail: number, value: number, input: number): number =>
    (expEps(exponent) + (6 * exponent + 30) * EPS) * tail + 10 * EPS * Math.abs(value) + 2 ** -126 * input,
  /**
   * A weighted mean of v: scores off by headDim roundings shift each weight by that much, relative; exp adds its own
   * error; the sums over the keys round once per key. A soft cap passes errors on undiminished at most and adds its own.
   */
  attention: (
    headDim: number,
    keys: number,
    scoreMagnitude: number,
    valueMagnitude: number,
    capped = false,
  ): number =>
    valueMagnitude *
    (2 * ((headDim + 3) * EPS * scoreMagnitude + expEps(2 * scoreMagnitude)) +
      (capped ? 2 * softcapEps * scoreMagnitude : 0) +
      (2 * keys + 8) * EPS),
  /**
   * The same with an online softmax, 32 keys at a time: each step scales weights and sum by exp(old - new) (3 ULP at
   * least, one product); the arguments add up to at most 2 scoreMagnitude, with 4 EPS of each and a rounding.
   */
  attentionOnline: (
    headDim: number,
    keys: number,
    scoreMagnitude: number,
    valueMagnitude: number,
    capped = false,
  ): number =>
    OP_TOLERANCE.attention(headDim, keys, scoreMagnitude, valueMagnitude, capped) +
    2 * valueMagnitude * EPS * (8 * (Math.ceil(keys / 32) + 1) + 10 * scoreMagnitude),
  /**
   * log of a sum of `vocab` terms plus two logits: logits off by k roundings of Σ|x||w|, exp over `spread`, and the
   * summation's rounding in blocks of 16. `magnitude` after scaling; a soft cap adds its own error to each logit.
   */
  headLoss: (k: number, vocab: number, magnitude: number, spread: number, capped = false): number =>
    2 * logitError(k, magnitude, capped) + expEps(spread) + (vocab / 16 + 40) * EPS + 8 * EPS * spread,
  /**
   * KL(p ‖ q) as log(1 + E_p[e^u - 1 - u]), u = (b - a) - E_p[b - a]. Logits that are off by `e` each (a difference of two
   * adds its own roundings) move KL by at most 2e E_p|u| through the weights, 2e Σ|p - q| <= 2e sqrt(2 KL) through the
   * differences (Pinsker), and (2e)² to second order: all vanish with KL. The rest is relative: the weights' exp over
   * `spread`, e^u - 1 - u (90 EPS where it is worst, at |u| = 1/2), ten roundings for each of vocab / 16 joined blocks.
   * Where an entry lies more than 40 off (`far`), KL is a difference of logarithms and errs like two losses.
   */
  headCompareKl: (o: {
    k: number;
    vocab: number;
    magnitude: number;
    spread: number;
    capped?: boolean;
    kl: number;
    deviation: number;
    far: boolean;
  }): number => {
    if (o.far) return 2 * OP_TOLERANCE.headLoss(o.k, o.vocab, o.magnitude, o.spread, o.capped);
    const e = logitError(o.k + 4, o.magnitude, o.capped ?? false);
    const relative = expEps(o.spread) + 90 * EPS + ((10 * o.vocab) / 16 + 40) * EPS;
    return 2 * e * (o.deviation + Math.sqrt(2 * Math.max(0, o.kl))) + 4 * e * e + relative * Math.abs(o.kl);
  },
  /** One addition, after at most one product, for each of `terms`; `value` the sum of their absolute values. */
  accumulate: (terms: number, value: number): number => (terms + 1) * EPS * value,
  /**
   * The square of a product of `length` tokens, which is off by `error`, for each of `terms` sequences: `first` is the sum of
   * 2 |g| error + error². Then the sum of the squares.
   */
  squaredGradient: (terms: number, first: number, value: number): number => first + (terms + 2) * EPS * value,
  /**
   * scale (g - mean(g) - z mean(g z)): the sums of cols products, what z is off by (as in the norm itself), the scale as
   * there, and six roundings of each term; then the sum with what was there.
   */
  normBackward: (p: NormBackwardPoint, value: number): number =>
    p.scale *
      ((2 * p.cols + 40) * EPS * (p.g + p.meanG + p.z * p.meanGz) +
        p.off * p.meanGz +
        p.z * p.meanOff +
        2 * p.off * p.meanOff) +
    EPS * Math.abs(value),
  /**
   * Two terms, each with one or two factors made of exp (whose argument at most 6 operations made) and at most 20 more
   * roundings; `size` is the sum of their absolute values. Devices may flush exp below 2^-126.
   */
  activateBackward: (exponent: number, size: number, input: number): number =>
    (2 * expEps(exponent) + (12 * exponent + 40) * EPS) * size + 2 ** -120 * input,
  /** A weight of attention, relative: as in `attention`. */
  attentionWeight: (headDim: number, keys: number, scoreMagnitude: number, capped: boolean): number =>
    2 * ((headDim + 3) * EPS * scoreMagnitude + expEps(2 * scoreMagnitude)) +
    (capped ? 2 * softcapEps * scoreMagnitude : 0) +
    (2 * keys + 8) * EPS,
  /**
   * P (dP - sum(P dP)) without P: dP is off by headDim roundings of at most `size`, the mean by those, by the weights'
   * `off` and by one rounding for each key; the slope of the cap, 1 - t², by 2 |t| times the error of t.
   */
  attentionScoreGradient: (
    headDim: number,
    keys: number,
    off: number,
    size: number,
    capped: boolean,
  ): number =>
    size * (4 * off + (2 * headDim + 2 * keys + 20) * EPS + (capped ? 8 * softcapEps + 4 * off : 0)),
  /** A sum over `terms` queries or keys of products with three factors, relative. */
  attentionSum: (terms: number): number => (terms + 6) * EPS,
  /**
   * (softmax - [target]) slope: relative to the softmax its own error (as in headLoss); relative to the difference the
   * error of the slope 1 - t², 2 |t| times that of t <= 1, and the sum over the vocabulary.
   */
  headGradient: (
    k: number,
    vocab: number,
    magnitude: number,
    spread: number,
    softcap: number,
  ): { weight: number; cap: number; sum: number } => {
    const logit = logitError(k, magnitude, softcap > 0);
    return {
      weight: 2 * logit + expEps(spread) + (vocab / 16 + 40) * EPS,
      cap: softcap > 0 ? 2 * (logit / softcap + 4 * EPS) : 0,
      sum: (vocab + 8) * EPS,
    };
  },
  /** `rows` squares and additions in f32, relative since all are positive. */
  columnEnergy: (rows: number, value: number): number => (rows + 2) * EPS * value,
  /** As matmul, with one addition more for each piece of tokens that joins the others. */
  gram: (tokens: number, pieces: number, magnitude: number): number =>
    (tokens + pieces + 3) * EPS * magnitude,
  /**
   * A chunk of `rows` values of mean size `size` that lie `spread` from their mean in all. Its f32 mean is off by
   * `shift`: rows additions and a division of 2.5 ULP. The distances from it sum to `spread` and rows * shift more, with
   * rows + 1 roundings; they correct the mean, whose product with rows and sum round once each.
   */
  columnSum: ({ rows, size, spread }: MomentPoint): number => {
    const shift = (rows + 5) * EPS * size;
    return EPS * ((rows + 2) * (spread + rows * shift) + 3 * rows * (size + shift));
  },
  /**
   * Squares of those distances: rows + 3 roundings of positive terms, of which the correction takes rows * shift² away
   * again; it errs by twice the shift times the error of the distances' sum, and by some roundings of its own.
   */
  columnSquares: ({ rows, size, spread, squares }: MomentPoint): number => {
    const shift = (rows + 5) * EPS * size;
    const ofSum = (rows + 2) * EPS * (spread + rows * shift);
    return (
      (rows + 5) * EPS * (squares + rows * shift * shift) + 2 * shift * ofSum + 8 * EPS * rows * shift * shift
    );
  },
  /**
   * Partials of 256 elements: two differences (one rounding each, relative), a product, at most 64 + 3 additions; the
   * partials themselves are added in f64. `magnitude` is the sum of the absolute values of the products.
   */
  errorSums: (magnitude: number): number => 72 * EPS * magnitude,
} as const;
