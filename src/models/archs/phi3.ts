/** Phi-3: LLaMA with queries, keys and values in one matrix, and gate and up in another. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { consecutiveParts, LLAMA_NAMES, readWindow } from './parts';
import { ANY_HEADS } from './smaller';

export const phi3: Architecture = {
  modelType: 'phi3',
  className: 'Phi3ForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'Phi3ForCausalLM',
      context: 4096,
      tied: false,
      activation: 'silu',
      normEps: 1e-5,
    });
    const { hidden, heads, kvHeads, headDim, inner } = decoder;
    const [width, kv] = [heads * headDim, kvHeads * headDim];
    const plain = { bias: false, transposed: false };
    const window = readWindow(config, 'sliding_window', null, decoder.context);
    return {
      ...decoder,
      blocks: decoder.blocks.map((block) => ({ ...block, window })),
      // Declared in this order: o before qkv.
      matrices: [
        { name: 'o', stem: 'layers.{i}.self_attn.o_proj', rows: hidden, cols: width, input: 'o', ...plain },
        {
          name: 'qkv',
          stem: 'layers.{i}.self_attn.qkv_proj',
          rows: width + 2 * kv,
          cols: hidden,
          input: 'attn',
          ...plain,
          parts: consecutiveParts([
            ['q', width],
            ['k', kv],
            ['v', kv],
          ]),
        },
        {
          name: 'gateUp',
          stem: 'layers.{i}.mlp.gate_up_proj',
          rows: 2 * inner,
          cols: hidden,
          input: 'mlp',
          ...plain,
          parts: consecutiveParts([
            ['gate', inner],
            ['up', inner],
          ]),
        },
        {
          name: 'down',
          stem: 'layers.{i}.mlp.down_proj',
          rows: hidden,
          cols: inner,
          input: 'down',
          ...plain,
        },
      ],
    };
  },
  ...LLAMA_NAMES,
  smaller: {
    ...ANY_HEADS,
    heads: ({ ropes, architecture }) =>
      ropes.some((rope) => rope.scaling.kind === 'longrope')
        ? `the config of ${architecture} holds LongRoPE factors for the size of a head that follows from the number of heads`
        : null,
  },
};
