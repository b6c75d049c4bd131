/**
 * Checks of tokenizer.json and tokenizer_config.json before `@huggingface/tokenizers` sees them, and small repairs
 * where it reads them otherwise than the Rust implementation.
 */
import { LabError } from '../core/errors';
import { readAddedTokens, type AddedToken } from './addedTokens';
import { isJsonObject, parseJson } from './json';
import type { TokenizerFiles } from './tokenizer';

type Json = Record<string, unknown>;

export interface CheckedTokenizer {
  /** For the library; without pre-tokenizer, which is ours. */
  library: Json;
  preTokenizer: unknown;
  added: AddedToken[];
  byteFallback: boolean;
  config: Json;
}

/** Ids beyond this are a damaged file: no published vocabulary reaches a million. */
const MAX_ID = 10_000_000;
const ABSENT = { normalizer: null, post_processor: null, decoder: null };

/** FormatError when the files are no tokenizer, or of a kind that cannot be followed exactly. */
export function readTokenizerFiles(files: TokenizerFiles): CheckedTokenizer {
  const json = parseObject(`${files.name}: tokenizer.json`, files.json);
  const config =
    files.config === null ? {} : parseObject(`${files.name}: tokenizer_config.json`, files.config);
  const model = isJsonObject(json.model) ? json.model : {};
  checkIds(files.name, json, model);
  refuseInexact(files.name, json, model);
  const added = addedWithModelIds(json, model);
  const literal = {
    normalizer: literalContent(json.normalizer ?? null),
    decoder: literalContent(json.decoder ?? null),
  };
  return {
    library: { ...ABSENT, ...json, ...literal, added_tokens: added, pre_tokenizer: null },
    preTokenizer: json.pre_tokenizer,
    added: readAddedTokens(added),
    byteFallback: model.byte_fallback === true,
    config,
  };
}

function parseObject(name: string, text: string): Record<string, unknown> {
  const value = parseJson(name, text);
  if (!isJsonObject(value)) throw new LabError('FormatError', `${name}: not a JSON object.`);
  return value;
}

function checkIds(name: string, json: Json, model: Json): void {
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

const KINDS = new Set<unknown>(['BPE', 'WordPiece', 'Unigram']);

/** Kinds that the library follows only roughly, or with a complaint on the console. */
function refuseInexact(name: string, json: Json, model: Json): void {
  // Files from before the field existed have none; the library then tells the kind by what else is there.
  if (model.type !== undefined && !KINDS.has(model.type))
    throw unreadable(name, `a model of the type ${JSON.stringify(model.type).slice(0, 40)}`);
  if (model.type === 'BPE' && model.continuing_subword_prefix)
    throw unreadable(name, 'BPE with a subword prefix');
  const check = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(check);
    if (!isJsonObject(node)) return;
    if (node.type === 'Precompiled') throw unreadable(name, 'a precompiled normalizer');
    const { pattern } = node;
    const kind = isJsonObject(pattern) ? (pattern.Regex ?? pattern.String) : pattern;
    const needed = node.type === 'Replace' || node.type === 'Split';
    if (needed && (typeof kind !== 'string' || !isJsonObject(pattern)))
      throw unreadable(name, `${String(node.type)} without a pattern`);
    Object.values(node).forEach(check);
  };
  check([json.normalizer, json.pre_tokenizer, json.decoder]);
}

/** An added token that the model's vocabulary already holds keeps the id it has there. */
function addedWithModelIds(json: Json, model: Json): Json[] {
  const vocabulary = isJsonObject(model.vocab) ? model.vocab : {};
  const added = Array.isArray(json.added_tokens) ? json.added_tokens.filter(isJsonObject) : [];
  return added.map((token) => {
    const known = typeof token.content === 'string' && Object.hasOwn(vocabulary, token.content);
    return known ? { ...token, id: vocabulary[String(token.content)] } : token;
  });
}

/** `replaceAll` in the library reads "$" in a replacement as a reference; doubled, it stands for itself. */
function literalContent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(literalContent);
  if (!isJsonObject(value)) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, literalContent(inner)]));
  if (copy.type === 'Replace' && typeof copy.content === 'string')
    copy.content = copy.content.replaceAll('$', '$$$$');
  return copy;
}

export function unreadable(name: string, reason: string, cause?: unknown): LabError {
  return new LabError(
    'FormatError',
    `${name}: tokenizer.json is not a tokenizer this lab can read: ${reason.replace(/\.$/, '')}.`,
    'Give token ids instead of text.',
    { cause },
  );
}
