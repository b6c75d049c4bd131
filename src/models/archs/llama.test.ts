import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { readConfig } from './index';

const LLAMA = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 16,
  vocab_size: 100,
};

function failure(config: object): string {
  try {
    readConfig({ ...config });
  } catch (error) {
    const e = LabError.from(error);
    return `${e.kind}: ${e.message}`;
  }
  return 'no error';
}

describe('a config of the LLaMA family', () => {
  test('has the defaults of transformers', () => {
    const { decoder } = readConfig(LLAMA);
    expect(decoder).toMatchObject({
      kvHeads: 16,
      headDim: 4,
      normEps: 1e-6,
      ropeTheta: 10000,
      context: 2048,
      tiedHead: false,
    });
    expect(decoder.ropeScaling).toEqual({ kind: 'default' });
  });

  test('Mistral has 8 key/value heads where the key is missing, one per head where it is null', () => {
    const mistral = { ...LLAMA, model_type: 'mistral', sliding_window: null };
    expect(readConfig(mistral).decoder.kvHeads).toBe(8);
    expect(readConfig({ ...mistral, num_key_value_heads: null }).decoder.kvHeads).toBe(16);
  });

  test('both layouts of the rotary settings read the same', () => {
    const scaling = { rope_type: 'linear', factor: 4 };
    const old = readConfig({ ...LLAMA, rope_theta: 500, rope_scaling: scaling }).decoder;
    const now = readConfig({ ...LLAMA, rope_parameters: { ...scaling, rope_theta: 500 } }).decoder;
    expect(now).toEqual(old);
    expect(old).toMatchObject({ ropeTheta: 500, ropeScaling: { kind: 'linear', factor: 4 } });
  });

  const llama3 = {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  };
  test.each([
    [{ rms_norm_eps: -1 }, /rms_norm_eps must be from 0 to 1/],
    [{ rms_norm_eps: 1e300 }, /rms_norm_eps/],
    [{ rope_parameters: { rope_theta: 0 } }, /rope_theta must be above 0/],
    [{ rope_scaling: { type: 'linear', factor: 0 } }, /factor must be above 0/],
    [{ rope_parameters: { rope_type: 'linear', factor: -2 } }, /factor must be above 0/],
    [{ rope_parameters: { ...llama3, factor: 0 } }, /factor must be above 0/],
    [
      { rope_parameters: { ...llama3, low_freq_factor: 4 } },
      /high_freq_factor must be above low_freq_factor/,
    ],
    [
      { rope_parameters: { ...llama3, original_max_position_embeddings: 0.5 } },
      /original_max_position_embeddings/,
    ],
  ])('%j is refused by name', (change, message) => {
    expect(failure(LLAMA)).toBe('no error');
    expect(failure({ ...LLAMA, rope_parameters: llama3 })).toBe('no error');
    expect(failure({ ...LLAMA, ...change })).toMatch(message);
  });
});
