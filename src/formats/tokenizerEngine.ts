/**
 * Text to ids and back with `@huggingface/tokenizers`: its normaliser, model, post-processor and decoder, between our
 * own cutting (preTokenize.ts, addedTokens.ts) and a cache of pieces, so that the ids are those of the Rust
 * implementation and a novel takes a fraction of a second. Runs where it is called; see tokenizer.ts for the worker.
 */
import { BPE, Tokenizer } from '@huggingface/tokenizers';
import { LabError } from '../core/errors';
import { AddedTokenSplitter, type AddedToken } from './addedTokens';
import { junctionSplitter } from './bpeJunctions';
import { isJsonObject } from './json';
import { planPreTokenizer, type PreTokenizerPlan } from './preTokenize';
import type { SpecialIds, TokenizerFiles } from './tokenizer';
import { readTokenizerFiles, unreadable } from './tokenizerFiles';

const CACHED_PIECES = 200_000;
const CACHED_LENGTH = 200;
/** Pieces longer than a word are worth looking for places to cut. */
const LONG = 32;

type Model = NonNullable<Tokenizer['model']>;

export class TokenizerEngine {
  readonly vocabularySize: number;
  readonly specialIds: SpecialIds;
  readonly #tokenizer: Tokenizer;
  readonly #model: Model;
  readonly #plan: PreTokenizerPlan;
  readonly #raw: AddedTokenSplitter;
  readonly #normalized: AddedTokenSplitter;
  readonly #cutLong: ((piece: string) => string[]) | null;
  readonly #byteFallback: boolean;
  readonly #prefix: number[];
  readonly #suffix: number[];
  readonly #cleanUp: boolean;
  /** Ids by piece, as cut; and by part of a long piece, as the model sees it. */
  readonly #cache = new Map<string, number[]>();
  readonly #partCache = new Map<string, number[]>();

  /** FormatError when the files are not a tokenizer, or of a kind that cannot be followed exactly. */
  constructor(files: TokenizerFiles) {
    try {
      const { library, preTokenizer, added, byteFallback, config } = readTokenizerFiles(files);
      this.#tokenizer = new Tokenizer(library, config);
      const { model, normalizer } = this.#tokenizer;
      if (!model) throw new Error('no model');
      this.#model = model;
      this.#plan = planPreTokenizer(preTokenizer);
      this.#raw = new AddedTokenSplitter(added.filter((t) => !t.normalized));
      const normalize = (t: AddedToken): string => (normalizer ? normalizer.normalize(t.content) : t.content);
      const late = added.filter((t) => t.normalized);
      this.#normalized = new AddedTokenSplitter(late, normalize);
      this.#cutLong = model instanceof BPE ? junctionSplitter(model) : null;
      this.#byteFallback = byteFallback;
      [this.#prefix, this.#suffix] = this.#affixes();
      this.#cleanUp = config.clean_up_tokenization_spaces === true;
      this.vocabularySize = model.vocab.length;
      this.specialIds = findSpecialIds(added, model, config);
    } catch (cause) {
      // Whatever the library trips over is a fault of the files.
      if (cause instanceof LabError) throw cause;
      throw unreadable(files.name, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  /**
   * Ids of the whole text, with the special tokens that the tokenizer puts around a text unless `special` is false.
   * `beat` is called now and then while there is progress.
   */
  encode(text: string, beat: () => void = () => undefined, special = true): Uint32Array {
    const ids: number[] = [];
    const push = (more: readonly number[]): void => {
      for (const id of more) ids.push(id);
    };
    if (special) push(this.#prefix);
    for (const section of this.#raw.split(text, true)) {
      if ('id' in section) {
        ids.push(section.id);
        continue;
      }
      const normalized = this.#tokenizer.normalizer?.normalize(section.text) ?? section.text;
      for (const part of this.#normalized.split(normalized, section.first)) {
        if ('id' in part) ids.push(part.id);
        else {
          beat();
          for (const piece of this.#plan.cut(part.text, part.first, beat)) push(this.#idsOf(piece, beat));
        }
      }
    }
    if (special) push(this.#suffix);
    return Uint32Array.from(ids);
  }

  /** Text of the ids; special tokens are left out, ids outside the vocabulary become the unknown token. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: this.#cleanUp,
    });
  }

  #idsOf(piece: string, beat: () => void): readonly number[] {
    const known = this.#cache.get(piece);
    if (known) return known;
    const finished = this.#plan.finish(piece);
    const ids =
      finished.length > LONG && this.#cutLong
        ? this.#idsOfParts(this.#cutLong(finished), beat)
        : this.#modelIds(finished);
    keep(this.#cache, piece, ids);
    beat();
    return ids;
  }

  #idsOfParts(parts: readonly string[], beat: () => void): number[] {
    const ids: number[] = [];
    for (const part of parts) {
      let more = this.#partCache.get(part);
      if (!more) {
        keep(this.#partCache, part, (more = this.#modelIds(part)));
        beat();
      }
      for (const id of more) ids.push(id);
    }
    return ids;
  }

  #modelIds(text: string): number[] {
    const ids: number[] = [];
    const { tokens_to_ids: toId, unk_token_id: unknown } = this.#model;
    for (const token of this.#model._call([text])) {
      const id = toId.get(token);
      if (id !== undefined) ids.push(id);
      else if (this.#byteFallback && this.#pushBytes(token, ids)) continue;
      else if (unknown !== undefined) ids.push(unknown);
    }
    return ids;
  }

  /** Byte tokens of an unknown token, when the vocabulary has them all. The library does this for BPE only. */
  #pushBytes(token: string, ids: number[]): boolean {
    const bytes = Array.from(new TextEncoder().encode(token), (byte) => {
      const hex = byte.toString(16).toUpperCase().padStart(2, '0');
      return this.#model.tokens_to_ids.get(`<0x${hex}>`);
    });
    const all = bytes.filter((id) => id !== undefined);
    if (all.length !== bytes.length) return false;
    ids.push(...all);
    return true;
  }

  /** What the post-processor puts in front of a text and behind it, found with one token as the text. */
  #affixes(): [number[], number[]] {
    const post = this.#tokenizer.post_processor;
    if (!post) return [[], []];
    const { tokens } = post.post_process([PLACEHOLDER], null, true);
    const at = tokens.indexOf(PLACEHOLDER);
    const toIds = (list: string[]): number[] =>
      list.flatMap((token) => this.#model.tokens_to_ids.get(token) ?? []);
    return [toIds(tokens.slice(0, at)), toIds(tokens.slice(at + 1))];
  }
}

function keep(cache: Map<string, number[]>, key: string, ids: number[]): void {
  if (key.length > CACHED_LENGTH) return;
  if (cache.size >= CACHED_PIECES) cache.clear();
  cache.set(key, ids);
}

const PLACEHOLDER = '\uffff text \uffff';

/** End-of-text tokens of well-known families, for folders without tokenizer_config.json. */
const KNOWN_EOS = ['</s>', '<|endoftext|>', '<|end_of_text|>', '<|im_end|>', '<|eot_id|>'];
const KNOWN_BOS = ['<s>', '<|begin_of_text|>'];

function findSpecialIds(
  added: readonly AddedToken[],
  model: Model,
  config: Record<string, unknown>,
): SpecialIds {
  const idOf = (key: string, known: string[]): number | undefined => {
    const value = config[key];
    const content = isJsonObject(value) ? value.content : value;
    const name =
      typeof content === 'string' ? content : known.find((token) => added.some((t) => t.content === token));
    return name === undefined ? undefined : model.tokens_to_ids.get(name);
  };
  const bos = idOf('bos_token', KNOWN_BOS);
  const eos = idOf('eos_token', KNOWN_EOS);
  return { ...(bos === undefined ? {} : { bos }), eos: eos === undefined ? [] : [eos] };
}
