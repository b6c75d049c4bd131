import type { Rope } from './archs/define';

/** Sequences of the same key share their frequencies: 0 for the usual ones, else what the scaling makes of the length. */
export function rotaryKey({ scaling }: Rope, length: number): number {
  if (scaling.kind === 'dynamic') return length > scaling.originalContext ? length : 0;
  return scaling.kind === 'longrope' && length > scaling.originalContext ? 1 : 0;
}

/**
 * Inverse frequencies [dim / 2] by the config's scaling rule, for sequences of `length` tokens. Rounded to f32 where transformers rounds: its angles are
 * f32 products at every precision, and at position 8192 the difference to f64 would be visible.
 */
export function inverseFrequencies(rope: Rope, length: number): Float64Array {
  const { dim, scaling } = rope;
  const long = rotaryKey(rope, length) > 0;
  const theta =
    scaling.kind === 'dynamic' && long
      ? rope.theta *
        ((scaling.factor * length) / scaling.originalContext - (scaling.factor - 1)) ** (dim / (dim - 2))
      : rope.theta;
  const out = new Float64Array(dim / 2);
  const yarn = scaling.kind === 'yarn' ? yarnRamp(rope, scaling) : null;
  for (let i = 0; i < out.length; i++) {
    const period = Math.fround(theta ** Math.fround((2 * i) / dim));
    const base = Math.fround(1 / period);
    switch (scaling.kind) {
      case 'default':
      case 'dynamic':
        out[i] = base;
        break;
      case 'linear':
        out[i] = base / scaling.factor;
        break;
      case 'longrope':
        out[i] = 1 / Math.fround(Math.fround((long ? scaling.long : scaling.short)[i] ?? 1) * period);
        break;
      case 'yarn': {
        const kept = Math.fround(1 - (yarn?.(i) ?? 0));
        const stretched = Math.fround(1 / Math.fround(scaling.factor * period));
        out[i] = Math.fround(stretched * Math.fround(1 - kept)) + Math.fround(base * kept);
        break;
      }
      case 'llama3': {
        // Llama 3.1: long wavelengths are stretched, short ones kept, a linear ramp between.
        const wavelength = (2 * Math.PI) / base;
        const longest = scaling.originalContext / scaling.lowFreqFactor;
        const shortest = scaling.originalContext / scaling.highFreqFactor;
        if (wavelength > longest) out[i] = base / scaling.factor;
        else if (wavelength < shortest) out[i] = base;
        else {
          const smooth =
            (scaling.originalContext / wavelength - scaling.lowFreqFactor) /
            (scaling.highFreqFactor - scaling.lowFreqFactor);
          out[i] = ((1 - smooth) * base) / scaling.factor + smooth * base;
        }
      }
    }
    out[i] = Math.fround(out[i] ?? 0);
  }
  return out;
}

/** YaRN (arXiv 2309.00071): how far pair i is stretched, 0 to 1, by how often it turns within the original context. */
function yarnRamp(
  { theta, dim }: Rope,
  scaling: Extract<Rope['scaling'], { kind: 'yarn' }>,
): (pair: number) => number {
  const pairOfTurns = (turns: number): number =>
    (dim * Math.log(scaling.originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  let [low, high] = [pairOfTurns(scaling.betaFast), pairOfTurns(scaling.betaSlow)];
  if (scaling.truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, dim - 1);
  if (low === high) high += 0.001;
  return (pair) => Math.fround(Math.min(1, Math.max(0, (pair - low) / (high - low))));
}

/** cos and sin for positions 0..positions-1 of sequences of `length` tokens: f32 [positions, dim / 2, 2]. */
export function rotaryTable(rope: Rope, positions: number, length: number): Float32Array {
  const frequencies = inverseFrequencies(rope, length);
  const half = frequencies.length;
  const out = new Float32Array(positions * half * 2);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(p * (frequencies[i] ?? 0));
      out[(p * half + i) * 2] = Math.cos(angle) * rope.attentionFactor;
      out[(p * half + i) * 2 + 1] = Math.sin(angle) * rope.attentionFactor;
    }
  }
  return out;
}
