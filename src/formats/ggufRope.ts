/** Rotary settings of a GGUF file as Hugging Face writes them. */
import type { GgufMeta } from './ggufMeta';

export type RopeScaling = Record<string, unknown> | null;

const BENIGN = ['rope.scaling.finetuned', 'rope.scaling.alpha'] as const;

/**
 * `rope_scaling` from the metadata, null where there is none. `factors`: the values of rope_freqs.weight, from which
 * the llama3 kind is told. ModelError for what has no name in Hugging Face's configs.
 */
export function ropeScaling(meta: GgufMeta, factors: Float32Array | null, headDim: number): RopeScaling {
  for (const key of BENIGN) meta.has(key);
  const kind = meta.string('rope.scaling.type', meta.has('rope.scale_linear') ? 'linear' : 'none');
  const factor = meta.number('rope.scaling.factor', meta.number('rope.scale_linear', 1));
  const attention = meta.number('rope.scaling.attn_factor', 1);
  const original = meta.number('rope.scaling.original_context_length', 0);
  const yarn = readYarn(meta);
  if (factors) {
    if (kind !== 'none' && kind !== 'llama3')
      throw meta.refuse(`rope_freqs.weight beside rotary scaling "${kind}"`);
    const found = llama3Scaling(factors, meta.number('rope.freq_base', 10000), headDim);
    if (!found) throw meta.refuse('rope_freqs.weight holds factors that are not those of the llama3 scaling');
    return found;
  }
  // Phi-3 names its original context and its attention factor without a scaling; the factors decide.
  if (kind === 'none' || factor === 1) return null;
  if (attention !== 1) throw meta.refuse(`rotary attention factor ${attention}`);
  if (kind === 'linear') return { rope_type: 'linear', factor };
  if (kind === 'yarn') {
    if (!(original > 0)) throw meta.refuse('YaRN without rope.scaling.original_context_length');
    return { rope_type: 'yarn', factor, original_max_position_embeddings: original, ...yarn };
  }
  throw meta.refuse(`rotary scaling "${kind}"`);
}

function readYarn(meta: GgufMeta): Record<string, number> {
  const extrapolation = meta.number('rope.scaling.yarn_ext_factor', 1);
  if (extrapolation !== 1 && extrapolation !== -1)
    throw meta.refuse(`YaRN extrapolation factor ${extrapolation}`);
  if (meta.number('rope.scaling.yarn_log_multiplier', 0) !== 0) throw meta.refuse('a YaRN log multiplier');
  const out: Record<string, number> = {};
  const fields = {
    yarn_attn_factor: 'attention_factor',
    yarn_beta_fast: 'beta_fast',
    yarn_beta_slow: 'beta_slow',
  };
  for (const [key, name] of Object.entries(fields)) {
    if (meta.has(`rope.scaling.${key}`)) out[name] = meta.number(`rope.scaling.${key}`);
  }
  return out;
}

/**
 * The parameters that give these factors. The file holds what frequency i is divided by: 1 for short waves, the
 * factor for long ones, and 1 / ((1 - s) / factor + s) between, s linear in the frequency (transformers,
 * modeling_rope_utils: llama3). Found are candidates, believed only when they give every factor back.
 */
export function llama3Scaling(factors: Float32Array, theta: number, headDim: number): RopeScaling {
  const factor = Math.max(...factors);
  if (factors.length * 2 !== headDim || !(factor > 1)) return null;
  for (const [low, high, original] of candidates(factors, factor, theta, headDim)) {
    const expected = llama3Factors(theta, headDim, factor, low, high, original);
    // The converter computes in f32: a few rounding errors in the powers and the quotient.
    if (expected.every((e, i) => Math.abs(e - (factors[i] ?? 0)) <= 1e-5 * e)) {
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: original,
      };
    }
  }
  return null;
}

export function llama3Factors(
  theta: number,
  headDim: number,
  factor: number,
  low: number,
  high: number,
  original: number,
): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / headDim);
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const smooth = (original / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

function* candidates(
  factors: Float32Array,
  factor: number,
  theta: number,
  headDim: number,
): Generator<[low: number, high: number, original: number]> {
  // What Llama 3.1 and its descendants use first, then any power of two, then the line through two factors.
  yield [1, 4, 8192];
  for (let original = 2; original <= 1 << 20; original *= 2) yield [1, 4, original];
  const between = [...factors.keys()].filter((i) => (factors[i] ?? 0) > 1 && (factors[i] ?? 0) < factor);
  const [first, last] = [between[0], between.at(-1)];
  if (first === undefined || last === undefined || first === last) return;
  const smooth = (i: number): number => (1 / (factors[i] ?? 1) - 1 / factor) / (1 - 1 / factor);
  const frequency = (i: number): number => theta ** ((-2 * i) / headDim) / (2 * Math.PI);
  const slope = (smooth(first) - smooth(last)) / (frequency(first) - frequency(last));
  const at0 = smooth(last) - slope * frequency(last);
  // smooth = (original * frequency - low) / (high - low); with low = 1 the line says the rest.
  const high = 1 - 1 / at0;
  yield [1, Number(high.toPrecision(5)), Math.round(slope * (high - 1))];
}
