import type { DecoderConfig } from './archs/define';

/**
 * Inverse frequencies [headDim / 2] by the config's scaling rule. Rounded to f32 where transformers rounds: its angles
 * are f32 products at every precision, and at position 8192 the difference to f64 would be visible.
 */
export function inverseFrequencies(config: DecoderConfig): Float64Array {
  const half = config.headDim / 2;
  const out = new Float64Array(half);
  const { ropeScaling: scaling } = config;
  for (let i = 0; i < half; i++) {
    const base = Math.fround(1 / Math.fround(config.ropeTheta ** Math.fround((2 * i) / config.headDim)));
    if (scaling.kind === 'default') out[i] = base;
    else if (scaling.kind === 'linear') out[i] = base / scaling.factor;
    else {
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
    out[i] = Math.fround(out[i] ?? 0);
  }
  return out;
}

/** cos and sin for positions 0..positions-1: f32 [positions, headDim / 2, 2]. */
export function rotaryTable(config: DecoderConfig, positions: number): Float32Array {
  const frequencies = inverseFrequencies(config);
  const half = frequencies.length;
  const out = new Float32Array(positions * half * 2);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(p * (frequencies[i] ?? 0));
      out[(p * half + i) * 2] = Math.cos(angle);
      out[(p * half + i) * 2 + 1] = Math.sin(angle);
    }
  }
  return out;
}
