/** Every architecture that the lab opens; one line each. */
import { LabError } from '../../core/errors';
import { ConfigReader } from './configReader';
import type { Architecture, DecoderConfig } from './define';
import { gemma } from './gemma';
import { gemma2 } from './gemma2';
import { gemma3 } from './gemma3';
import { gpt2 } from './gpt2';
import { gptNeox } from './gptNeox';
import { llama } from './llama';
import { mistral } from './mistral';
import { olmo2 } from './olmo2';
import { opt } from './opt';
import { refuse, refuseQuantised } from './parts';
import { phi3 } from './phi3';
import { qwen2 } from './qwen2';
import { qwen3 } from './qwen3';
import { smollm3 } from './smollm3';
import { stablelm } from './stablelm';

export const ARCHITECTURES: readonly Architecture[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3,
  phi3,
  smollm3,
  olmo2,
  stablelm,
  gpt2,
  opt,
  gptNeox,
];

/** Model types whose layers choose among experts, and those with latent attention: known, and refused for what they are. */
const EXPERTS =
  /moe|mixtral|dbrx|deepseek_v[234]|deepseek_ocr|gpt_oss|llama4|jetmoe|jamba|switch_transformers|nllb_moe|ernie4_5_moe|minimax|kimi|arctic/;
const LATENT = /deepseek_v[234]|minicpm3|kimi|longcat/;
const EXPERT_KEYS = [
  'num_local_experts',
  'num_experts',
  'n_routed_experts',
  'num_experts_per_tok',
  'moe_num_experts',
  'moe_intermediate_size',
];
const LATENT_KEYS = ['kv_lora_rank', 'q_lora_rank'];

/** The architecture of a config.json; ModelError with the model type's name when there is none. */
export function readConfig(config: Record<string, unknown>): { arch: Architecture; decoder: DecoderConfig } {
  const reader = new ConfigReader(config);
  const modelType = reader.string('model_type', '');
  const arch = ARCHITECTURES.find((a) => a.modelType === modelType);
  refuseByBuild(reader, modelType, arch);
  if (!arch) {
    const known = ARCHITECTURES.map((a) => a.modelType).join(', ');
    const named = modelType
      ? `Model type "${modelType}" is not supported`
      : 'config.json names no model_type';
    throw new LabError(
      'ModelError',
      `${named}; this version opens ${known}.`,
      reader.has('text_config')
        ? 'It also sees or hears: choose a model for text alone.'
        : 'Choose a model of one of these types.',
    );
  }
  const notes = checkRemoteCode(config, arch);
  refuseQuantised(reader);
  const decoder = arch.read(reader);
  return { arch, decoder: { ...decoder, notes: [...decoder.notes, ...notes] } };
}

/** Mixtures of experts and latent attention would be pruned wrongly by a decoder that does not know them. */
function refuseByBuild(reader: ConfigReader, modelType: string, arch: Architecture | undefined): void {
  const present = (keys: string[]): string | undefined =>
    keys.find((key) => reader.has(key) && reader.number(key, 0) > 0);
  const type = modelType.slice(0, 80);
  const latent = present(LATENT_KEYS);
  if (latent ?? (!arch && LATENT.test(modelType)))
    refuse(
      `Model type "${type}" has multi-head latent attention (MLA)${latent ? `, ${latent} in config.json` : ''}, which is not supported.`,
      'Choose a model with multi-head or grouped-query attention.',
    );
  const experts = present(EXPERT_KEYS);
  if (experts ?? (!arch && EXPERTS.test(modelType)))
    refuse(
      `Model type "${type}" is a mixture of experts${experts ? ` (${experts} in config.json)` : ''}, which is not supported.`,
      'Choose a dense model.',
    );
}

/**
 * Code that comes with a model is never run. Some models of known types were published with the code that transformers
 * later took over, under the same class names: those open with the lab's own forward pass, and it is said.
 */
function checkRemoteCode(config: Record<string, unknown>, arch: Architecture): string[] {
  const map = config['auto_map'];
  if (map === null || map === undefined) return [];
  const stem = arch.className.replace(/(ForCausalLM|LMHeadModel)$/, '');
  const known = new RegExp(
    `\\.${stem}(Config|Model|ForCausalLM|LMHeadModel|ForSequenceClassification|ForTokenClassification)$`,
  );
  const targets: unknown[] =
    typeof map === 'object' && !Array.isArray(map) ? Object.values(map).flat() : [map];
  const foreign = targets.find((t) => t !== null && !(typeof t === 'string' && known.test(t)));
  if (foreign !== undefined || targets.length === 0)
    refuse(
      `The model brings its own code (auto_map in config.json: ${JSON.stringify(foreign ?? map).slice(0, 80)}), remote code that the lab does not run.`,
      'Choose a model that transformers opens without remote code.',
    );
  return [
    `The model comes with its own code (auto_map in config.json); it is not run, ${arch.className} is computed as transformers does without it.`,
  ];
}
