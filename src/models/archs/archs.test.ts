import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { ARCHITECTURES, readConfig } from './index';

const LLAMA = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 128,
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
      headDim: 8,
      norm: { kind: 'rms', eps: 1e-6, offset: 0 },
      ropes: [{ theta: 10000, dim: 8, scaling: { kind: 'default' }, attentionFactor: 1 }],
      context: 2048,
      tiedHead: false,
    });
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
    expect(old.ropes[0]).toMatchObject({ theta: 500, scaling: { kind: 'linear', factor: 4 } });
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

test('every file of the folder that describes an architecture is registered, once', () => {
  const files = import.meta.glob<Record<string, unknown>>(['./*.ts', '!./*.test.ts'], { eager: true });
  const described = Object.values(files)
    .flatMap((module) => Object.values(module))
    .filter(
      (value) => typeof value === 'object' && value !== null && 'modelType' in value && 'read' in value,
    );
  expect(new Set(described)).toEqual(new Set(ARCHITECTURES));
  expect(new Set(ARCHITECTURES.map((a) => a.modelType)).size).toBe(ARCHITECTURES.length);
});

const GPT2 = { model_type: 'gpt2', n_embd: 48, n_layer: 3, n_head: 4, vocab_size: 100 };
const sizes = (modelType: string, change: object = {}): Record<string, unknown> =>
  modelType === 'gpt2'
    ? { ...GPT2, ...change }
    : {
        ...LLAMA,
        num_hidden_layers: 6,
        num_key_value_heads: 4,
        ffn_dim: 96,
        model_type: modelType,
        ...change,
      };

describe('what each architecture reads', () => {
  test.each(ARCHITECTURES.map((a) => [a.modelType, a] as const))(
    '%s: shapes fit together',
    (modelType, arch) => {
      const { decoder } = readConfig(sizes(modelType));
      expect(decoder.blocks).toHaveLength(decoder.layers);
      expect(decoder.architecture.length).toBeGreaterThan(0);
      for (const slot of Object.keys(decoder.norms)) expect(arch.norms).toHaveProperty(slot);
      const names = decoder.matrices.map((m) => m.name);
      expect(new Set(names).size).toBe(names.length);
      for (const m of decoder.matrices) {
        expect(m.stem).toContain('{i}');
        const parts = m.parts ?? [];
        if (parts.length > 0) expect(parts.reduce((sum, p) => sum + p.rows, 0)).toBe(m.rows);
      }
      for (const { rope } of decoder.blocks) if (rope !== null) expect(decoder.ropes[rope]).toBeDefined();
    },
  );

  test('windows: Mistral in every layer, Qwen2 above max_window_layers, Gemma 2 in every other', () => {
    const windows = (config: Record<string, unknown>): (number | null)[] =>
      readConfig(config).decoder.blocks.map((b) => b.window);
    expect(windows(sizes('mistral', { sliding_window: 8 }))).toEqual([8, 8, 8, 8, 8, 8]);
    expect(windows(sizes('mistral', { sliding_window: null }))).toEqual(Array(6).fill(null));
    const qwen = sizes('qwen2', { sliding_window: 8, max_window_layers: 4 });
    expect(windows(qwen)).toEqual(Array(6).fill(null));
    expect(windows({ ...qwen, use_sliding_window: true })).toEqual([null, null, null, null, 8, 8]);
    expect(windows(sizes('gemma2', { sliding_window: 8 }))).toEqual([8, null, 8, null, 8, null]);
    expect(windows(sizes('gemma3_text', { sliding_window: 8 }))).toEqual([8, 8, 8, 8, 8, null]);
    const types = [...Array<string>(5).fill('full_attention'), 'sliding_attention'];
    expect(windows(sizes('gemma2', { sliding_window: 8, layer_types: types }))).toEqual([
      ...Array<null>(5).fill(null),
      8,
    ]);
    expect(failure(sizes('gemma2', { layer_types: Array(6).fill('chunked_attention') }))).toMatch(
      /chunked_attention/,
    );
  });

  test('SmolLM3 leaves positions out of every fourth layer', () => {
    const rope = readConfig(sizes('smollm3')).decoder.blocks.map((b) => b.rope);
    expect(rope).toEqual([0, 0, 0, null, 0, 0]);
  });

  test('Gemma 3 has one rotary setting for windows and one for the rest, in both layouts', () => {
    const old = sizes('gemma3_text', {
      rope_theta: 500,
      rope_local_base_freq: 300,
      rope_scaling: { rope_type: 'linear', factor: 8 },
    });
    const now = sizes('gemma3_text', {
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 500 },
        sliding_attention: { rope_type: 'default', rope_theta: 300 },
      },
    });
    expect(readConfig(now).decoder.ropes).toEqual(readConfig(old).decoder.ropes);
    expect(readConfig(old).decoder.ropes).toMatchObject([
      { theta: 500, scaling: { kind: 'linear', factor: 8 } },
      { theta: 300, scaling: { kind: 'default' } },
    ]);
  });

  test('a fused matrix names its parts; those of GPT-NeoX take turns by head', () => {
    const parts = (modelType: string): unknown =>
      readConfig(sizes(modelType)).decoder.matrices.find((m) => m.parts)?.parts;
    expect(parts('gpt2')).toEqual([
      { name: 'q', begin: 0, block: 48, stride: 48, rows: 48 },
      { name: 'k', begin: 48, block: 48, stride: 48, rows: 48 },
      { name: 'v', begin: 96, block: 48, stride: 48, rows: 48 },
    ]);
    expect(
      readConfig(sizes('gpt_neox', { num_key_value_heads: undefined })).decoder.matrices[0]?.parts?.[1],
    ).toEqual({ name: 'k', begin: 8, block: 8, stride: 24, rows: 128 });
  });
});

describe('what is refused, and how', () => {
  test.each([
    [{ model_type: 'mixtral', num_local_experts: 8 }, /mixture of experts/],
    [{ model_type: 'qwen3_moe' }, /qwen3_moe.*mixture of experts/],
    [{ model_type: 'llama', num_experts: 4 }, /mixture of experts \(num_experts/],
    [{ model_type: 'deepseek_v3' }, /latent attention/],
    [{ model_type: 'minicpm3', kv_lora_rank: 256 }, /latent attention/],
    [{ model_type: 'mamba' }, /"mamba" is not supported/],
    [{ model_type: 'opt', word_embed_proj_dim: 32 }, /word_embed_proj_dim/],
    [{ model_type: 'stablelm', qk_layernorm: true }, /qk_layernorm/],
    [{ quantization_config: { bits: 4 } }, /quantised/],
    [{ hidden_act: 'mish' }, /"mish"/],
    [{ rope_scaling: { rope_type: 'mrope' } }, /"mrope"/],
  ])('%j', (change, message) => {
    expect(failure(sizes('llama', change))).toMatch(message);
    expect(failure(sizes('llama', change))).toMatch(/^ModelError/);
  });

  test('remote code is not run: foreign classes are refused, those that transformers took over are opened and said', () => {
    const foreign = { auto_map: { AutoModelForCausalLM: 'modeling_x.XForCausalLM' } };
    expect(failure(sizes('llama', foreign))).toMatch(/ModelError.*auto_map.*XForCausalLM.*remote code/);
    expect(failure(sizes('llama', { auto_map: 'x' }))).toMatch(/remote code/);
    const own = {
      auto_map: {
        AutoConfig: 'configuration_phi3.Phi3Config',
        AutoModelForCausalLM: 'modeling_phi3.Phi3ForCausalLM',
      },
    };
    expect(readConfig(sizes('phi3', own)).decoder.notes.join()).toMatch(/not run/);
  });
});
