/**
 * Text to ids and back with `@huggingface/tokenizers`: its normaliser, model, post-processor and decoder, between our
 * own cutting (preTokenize.ts, addedTokens.ts) and a cache of pieces, so that the ids are those of the Rust
 * implementation and a novel takes a fraction of a second. Runs where it is called; see tokenizer.ts for the worker.
 */
import { BPE, Tokenizer } from '@huggingface/tokenizers';
import { LabError } from '../core/errors';
import { AddedTokenSplitter, readAddedTokens, type AddedToken } from './addedTokens';
import { junctionSplitter } from './bpeJunctions';
import { isJsonObject, parseJson } from './json';
import { planPreTokenizer, type PreTokenizerPlan } from './preTokenize';
import type { SpecialIds, TokenizerFiles } from './tokenizer';

/** Ids beyond this are a damaged file: no published vocabulary reaches a million. */
const MAX_ID = 10_000_000;
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
    const json = parseObject(`${files.name}: tokenizer.json`, files.json);
    const config =
      files.config === null ? {} : parseObject(`${files.name}: tokenizer_config.json`, files.config);
    checkIds(files.name, json);
    refuseInexact(files.name, json);
    try {
      const repaired = {
        ...ABSENT,
        ...json,
        ...literalReplacements(json),
        added_tokens: addedWithModelIds(json),
        pre_tokenizer: null,
      };
      this.#tokenizer = new Tokenizer(repaired, config);
      this.#plan = planPreTokenizer(json.pre_tokenizer);
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      throw unreadable(files.name, cause instanceof Error ? cause.message : String(cause), cause);
    }
    const { model, normalizer } = this.#tokenizer;
    if (!model) throw unreadable(files.name, 'no model');
    this.#model = model;
    const added = readAddedTokens(addedWithModelIds(json));
    this.#raw = new AddedTokenSplitter(added.filter((t) => !t.normalized));
    const normalize = (t: AddedToken): string => (normalizer ? normalizer.normalize(t.content) : t.content);
    this.#normalized = new AddedTokenSplitter(added.filter((t) => t.normalized), normalize); // prettier-ignore
    this.#cutLong = model instanceof BPE ? junctionSplitter(model) : null;
    this.#byteFallback = isJsonObject(json.model) && json.model.byte_fallback === true;
    [this.#prefix, this.#suffix] = this.#affixes();
    this.#cleanUp = config.clean_up_tokenization_spaces === true;
    this.vocabularySize = model.vocab.length;
    this.specialIds = findSpecialIds(added, model, config);
  }

  /** Ids of the whole text, with the special tokens that the tokenizer puts around a text. */
  encode(text: string): Uint32Array {
    const ids: number[] = [];
    const push = (more: readonly number[]): void => {
      for (const id of more) ids.push(id);
    };
    push(this.#prefix);
    for (const section of this.#raw.split(text, true)) {
      if ('id' in section) {
        ids.push(section.id);
        continue;
      }
      const normalized = this.#tokenizer.normalizer?.normalize(section.text) ?? section.text;
      for (const part of this.#normalized.split(normalized, section.first)) {
        if ('id' in part) ids.push(part.id);
        else for (const piece of this.#plan.cut(part.text, part.first)) push(this.#idsOf(piece));
      }
    }
    push(this.#suffix);
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

  #idsOf(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known) return known;
    const finished = this.#plan.finish(piece);
    const ids =
      finished.length > LONG && this.#cutLong
        ? this.#idsOfParts(this.#cutLong(finished))
        : this.#modelIds(finished);
    keep(this.#cache, piece, ids);
    return ids;
  }

  #idsOfParts(parts: readonly string[]): number[] {
    const ids: number[] = [];
    for (const part of parts) {
      let more = this.#partCache.get(part);
      if (!more) keep(this.#partCache, part, (more = this.#modelIds(part)));
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
const ABSENT = {
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  added_tokens: [],
};

function parseObject(name: string, text: string): Record<string, unknown> {
  const value = parseJson(name, text);
  if (!isJsonObject(value)) throw new LabError('FormatError', `${name}: not a JSON object.`);
  return value;
}

function checkIds(name: string, json: Record<string, unknown>): void {
  const model = isJsonObject(json.model) ? json.model : {};
  const vocabulary = isJsonObject(model.vocab) ? Object.values(model.vocab) : [];
  const added = Array.isArray(json.added_tokens)
    ? json.added_tokens.map((t: unknown) => (isJsonObject(t) ? t.id : t))
    : [];
  for (const id of [...vocabulary, ...added]) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID) {
      throw unreadable(name, `a token has the id ${JSON.stringify(id)?.slice(0, 40)}`);
    }
  }
}

/** Kinds that the library follows only roughly. */
function refuseInexact(name: string, json: Record<string, unknown>): void {
  const model = isJsonObject(json.model) ? json.model : {};
  if (model.type === 'BPE' && model.continuing_subword_prefix)
    throw unreadable(name, 'BPE with a subword prefix');
  if (/"type":"Precompiled"/.test(JSON.stringify(json.normalizer)))
    throw unreadable(name, 'a precompiled normalizer');
}

/** An added token that the model's vocabulary already holds keeps the id it has there. */
function addedWithModelIds(json: Record<string, unknown>): Record<string, unknown>[] {
  const vocabulary = isJsonObject(json.model) && isJsonObject(json.model.vocab) ? json.model.vocab : {};
  const added = Array.isArray(json.added_tokens) ? json.added_tokens.filter(isJsonObject) : [];
  return added.map((token) => {
    const known = typeof token.content === 'string' && Object.hasOwn(vocabulary, token.content);
    return known ? { ...token, id: vocabulary[String(token.content)] } : token;
  });
}

/** `replaceAll` there reads "$" in the replacement as a reference; doubled, it stands for itself. */
function literalReplacements(json: Record<string, unknown>): Record<string, unknown> {
  const literal = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(literal);
    if (!isJsonObject(value)) return value;
    const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, literal(inner)]));
    if (copy.type === 'Replace' && typeof copy.content === 'string')
      copy.content = copy.content.replaceAll('$', '$$$$');
    return copy;
  };
  return { normalizer: literal(json.normalizer ?? null), decoder: literal(json.decoder ?? null) };
}

function unreadable(name: string, reason: string, cause?: unknown): LabError {
  return new LabError(
    'FormatError',
    `${name}: tokenizer.json is not a tokenizer this lab can read: ${reason.replace(/\.$/, '')}.`,
    'Give token ids instead of text.',
    { cause },
  );
}

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
