/** Text to ids and back with `@huggingface/tokenizers`. Runs where it is called; see tokenizer.ts for the worker. */
import { Tokenizer } from '@huggingface/tokenizers';
import { LabError } from '../core/errors';
import { isJsonObject, parseJson } from './json';
import type { SpecialIds, TokenizerFiles } from './tokenizer';

export class TokenizerEngine {
  readonly vocabularySize: number;
  readonly specialIds: SpecialIds;
  readonly #tokenizer: Tokenizer;
  readonly #cleanUp: boolean;

  /** FormatError when the files are not a tokenizer. */
  constructor(files: TokenizerFiles) {
    const json = parseObject(`${files.name}: tokenizer.json`, files.json);
    const config =
      files.config === null ? {} : parseObject(`${files.name}: tokenizer_config.json`, files.config);
    const absent = {
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      added_tokens: [],
    };
    try {
      this.#tokenizer = new Tokenizer({ ...absent, ...json }, config);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LabError(
        'FormatError',
        `${files.name}: tokenizer.json is not a tokenizer this lab can read: ${reason}.`,
        undefined,
        {
          cause,
        },
      );
    }
    this.#cleanUp = config.clean_up_tokenization_spaces === true;
    this.vocabularySize = this.#tokenizer.model?.vocab.length ?? 0;
    this.specialIds = findSpecialIds(this.#tokenizer, config);
  }

  encode(text: string): Uint32Array {
    return Uint32Array.from(this.#tokenizer.encode(text).ids);
  }

  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: this.#cleanUp,
    });
  }
}

function parseObject(name: string, text: string): Record<string, unknown> {
  const value = parseJson(name, text);
  if (!isJsonObject(value)) throw new LabError('FormatError', `${name}: not a JSON object.`);
  return value;
}

/** End-of-text tokens of well-known families, for folders without tokenizer_config.json. */
const KNOWN_EOS = ['</s>', '<|endoftext|>', '<|end_of_text|>', '<|im_end|>', '<|eot_id|>'];
const KNOWN_BOS = ['<s>', '<|begin_of_text|>'];

function findSpecialIds(tokenizer: Tokenizer, config: Record<string, unknown>): SpecialIds {
  const added = new Map([...tokenizer.get_added_tokens_decoder().values()].map((t) => [t.content, t.id]));
  const named = (key: string): string | undefined => {
    const value = config[key];
    const content = isJsonObject(value) ? value.content : value;
    return typeof content === 'string' ? content : undefined;
  };
  const idOf = (key: string, known: string[]): number | undefined => {
    const name = named(key) ?? known.find((token) => added.has(token));
    return name === undefined ? undefined : (added.get(name) ?? tokenizer.token_to_id(name));
  };
  const bos = idOf('bos_token', KNOWN_BOS);
  const eos = idOf('eos_token', KNOWN_EOS);
  return { ...(bos === undefined ? {} : { bos }), eos: eos === undefined ? [] : [eos] };
}
