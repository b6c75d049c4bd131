/** The plan for models that no test could load: their headers alone. */
import { describe, expect, test } from 'vitest';
import { defaultSpec } from '../../core/spec';
import { openModel } from '../../formats/hfModel';
import { memorySource, type ByteSource, type ModelFiles } from '../../formats/source';
import { planModel, type ModelPlan } from '../../models/inspect';
import { planShards } from '../../models/load';
import { planRun } from '../plan';
import { memoryJobs, pathOf } from './jobs';
import { planMemory, type MemoryPlan } from './memoryPlan';

/** Shapes of Llama 3.2 1B. */
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  vocab_size: 128256,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  rope_scaling: { rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }, // prettier-ignore
  hidden_act: 'silu',
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
};

/** WebGPU's default limits. */
const BINDING = 128 << 20;
const BUFFER = 256 << 20;

function shapes(): [string, number[]][] {
  const { hidden_size: d, intermediate_size: inner, vocab_size: vocabulary } = CONFIG;
  const kv = CONFIG.num_key_value_heads * CONFIG.head_dim;
  const out: [string, number[]][] = [
    ['model.embed_tokens.weight', [vocabulary, d]],
    ['model.norm.weight', [d]],
  ];
  for (let i = 0; i < CONFIG.num_hidden_layers; i++) {
    const at = `model.layers.${i}.`;
    out.push([`${at}input_layernorm.weight`, [d]], [`${at}post_attention_layernorm.weight`, [d]]);
    for (const [name, shape] of [
      ['self_attn.q_proj', [d, d]],
      ['self_attn.k_proj', [kv, d]],
      ['self_attn.v_proj', [kv, d]],
      ['self_attn.o_proj', [d, d]],
      ['mlp.gate_proj', [inner, d]],
      ['mlp.up_proj', [inner, d]],
      ['mlp.down_proj', [d, inner]],
    ] as const)
      out.push([`${at}${name}.weight`, [...shape]]);
  }
  return out;
}

/** A safetensors file of BF16 tensors whose data nobody reads. */
function headerOnly(tensors: readonly [string, number[]][]): ByteSource {
  let offset = 0;
  const header = new TextEncoder().encode(
    JSON.stringify(
      Object.fromEntries(
        tensors.map(([name, shape]) => {
          const begin = offset;
          offset += shape.reduce((a, b) => a * b, 2);
          return [name, { dtype: 'BF16', shape, data_offsets: [begin, offset] }];
        }),
      ),
    ),
  );
  const bytes = new Uint8Array(8 + header.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  bytes.set(header, 8);
  const source = memorySource('model.safetensors', bytes);
  return { ...source, size: bytes.byteLength + offset };
}

async function model(): Promise<ModelPlan> {
  const weights = headerOnly(shapes());
  const config = memorySource('config.json', new TextEncoder().encode(JSON.stringify(CONFIG)));
  const files: ModelFiles = {
    name: 'llama',
    paths: [config, weights].map(({ name, size }) => ({ path: name, size })),
    open: (path) => Promise.resolve(path === 'config.json' ? config : weights),
  };
  return planModel(await openModel(files));
}

const TEXTS = Object.fromEntries(
  ['calibration', 'select', 'report'].map((key) => [key, { key, lengths: Array<number>(8).fill(512) }]),
) as Record<'calibration' | 'select' | 'report', { key: string; lengths: number[] }>;

function planOf(plan: ModelPlan, pruner: string, software: boolean): MemoryPlan {
  const run = planRun(plan, { ...defaultSpec(), pruner, beta: 0 });
  const path = pathOf(run, () => (software ? 'cpu' : 'gpu'));
  const jobs = memoryJobs([{ kind: 'sweep', statistics: 'exact' }, { kind: 'run' }], { run, path }, TEXTS, software); // prettier-ignore
  return planMemory(plan, { software }, jobs);
}

describe('a model of 1.24 billion weights', () => {
  test('stays in its 16 bits, in buffers that default limits allow', async () => {
    const plan = await model();
    expect(plan.parameters).toBe(1235814400);
    const { peakBytes, byKind } = planMemory(plan, { software: false });
    expect(peakBytes).toBe(byKind.weights);
    // Norms are f32.
    expect(byKind.weights).toBe(2 * plan.parameters + 2 * 33 * 2048);
    for (const tensor of plan.tensors) {
      const shards = planShards(tensor, Math.min(BINDING, BUFFER));
      expect(Math.max(...shards.map((s) => s.bytes))).toBeLessThanOrEqual(BINDING);
      expect(shards.reduce((sum, s) => sum + s.rows, 0)).toBe(tensor.rows);
      if (tensor.role.kind === 'embedding') expect(shards).toHaveLength(4);
    }
  });

  test('is swept and pruned with 8 x 512 tokens in 4 GB', async () => {
    const plan = await model();
    for (const software of [false, true]) {
      const { peakBytes, byKind, host } = planOf(plan, 'wanda', software);
      expect(peakBytes).toBeLessThan(4e9);
      // Of all block outputs 17 x 4096 x 2048 x 4 bytes wait on the host, the last ones of both measured texts do not.
      expect(host.streams).toBe(17 * 4096 * 2048 * 4);
      expect(byKind.denseStreams).toBe(2 * 4096 * 2048 * 4);
    }
  });

  test('takes as much again where a pruner changes kept weights', async () => {
    const plan = await model();
    const prunable = plan.prunable.reduce((sum, m) => sum + m.count, 0);
    const more = planOf(plan, 'sparsegpt', false).byKind.masks - planOf(plan, 'wanda', false).byKind.masks;
    expect(more).toBe(2 * prunable);
  });

  test('a tensor whose rows no buffer holds is refused with need, limit and remedy', async () => {
    const plan = await model();
    const down = plan.tensors.find((t) => t.role.kind === 'matrix' && t.role.matrix === 'down');
    expect(() => down && planShards(down, 4 * 8192 * 2 - 1)).toThrow(
      /four of its rows take 65536 bytes.*at most 65535/,
    );
  });
});
