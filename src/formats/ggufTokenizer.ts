/**
 * tokenizer.json and tokenizer_config.json from GGUF metadata. `gpt2` vocabularies are byte-level BPE with their merges
 * in the file; `llama` ones are SentencePiece BPE, whose merges follow from the scores as transformers' converter
 * derives them (convert_slow_tokenizer.py, generate_merges).
 */
import { LabError } from '../core/errors';
import { ggufNumbers, ggufStrings } from './gguf';
import type { GgufMeta } from './ggufMeta';
import { PRE_TOKENIZERS, type PreKind } from './ggufPreTokenizers';

/** Token types of GGUF. */
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;

/** Why texts cannot be tokenised, one sentence; null when they can. */
export function unknownTokenizer(meta: GgufMeta): string | null {
  if (meta.text('tokenizer.huggingface.json') !== undefined) return null;
  const model = meta.text('tokenizer.ggml.model');
  if (model === undefined) return 'The GGUF file has no tokenizer.';
  if (model === 'llama') return null;
  if (model !== 'gpt2') return `The tokenizer kind "${model.slice(0, 60)}" of the GGUF file is not known.`;
  const pre = meta.text('tokenizer.ggml.pre') ?? 'default';
  return PRE_TOKENIZERS.has(pre)
    ? null
    : `The pre-tokenizer "${pre.slice(0, 60)}" of the GGUF file is not known.`;
}

/** Text of tokenizer.json. TextError for a kind that cannot be followed; FormatError for a broken vocabulary. */
export async function ggufTokenizer(meta: GgufMeta): Promise<string> {
  const fault = unknownTokenizer(meta);
  if (fault !== null)
    throw new LabError('TextError', `${meta.file.source.name}: ${fault}`, 'Give token ids instead of text.');
  const ready = meta.text('tokenizer.huggingface.json');
  if (ready !== undefined) return ready;
  const tokens = await tokenList(meta);
  const types = await ggufNumbers(meta.file, 'tokenizer.ggml.token_type');
  const isSentencePiece = meta.text('tokenizer.ggml.model') === 'llama';
  const vocab = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (!vocab.has(token)) vocab.set(token, id);
  });
  const added = tokens.flatMap((content, id) => {
    const type = types?.[id];
    if (type !== CONTROL && type !== USER_DEFINED && !(type === UNKNOWN && isSentencePiece)) return [];
    return content === '' ? [] : [addedToken(id, content, type !== USER_DEFINED)];
  });
  const pre = PRE_TOKENIZERS.get(meta.text('tokenizer.ggml.pre') ?? 'default');
  const parts = isSentencePiece
    ? await sentencePiece(meta, tokens, vocab, types)
    : await byteLevel(meta, vocab, pre);
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    ...parts,
    post_processor: postProcessor(meta, tokens, isSentencePiece || pre?.addsBos === true),
  });
}

async function tokenList(meta: GgufMeta): Promise<string[]> {
  const tokens = await ggufStrings(meta.file, 'tokenizer.ggml.tokens');
  if (!tokens || tokens.length === 0)
    throw new LabError('FormatError', `${meta.file.source.name}: tokenizer.ggml.tokens holds no tokens.`);
  return tokens;
}

function addedToken(id: number, content: string, special: boolean): Record<string, unknown> {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

const BYTES = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };

async function byteLevel(
  meta: GgufMeta,
  vocab: Map<string, number>,
  pre: PreKind | undefined,
): Promise<Record<string, unknown>> {
  const merges = await ggufStrings(meta.file, 'tokenizer.ggml.merges');
  if (!merges)
    throw new LabError('FormatError', `${meta.file.source.name}: tokenizer.ggml.merges is missing.`);
  return {
    normalizer: pre?.nfc === true ? { type: 'NFC' } : null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [...(pre?.steps ?? []), { ...BYTES, use_regex: pre?.gpt2 === true }],
    },
    decoder: { ...BYTES, add_prefix_space: true, use_regex: true },
    model: {
      ...EMPTY_BPE,
      ignore_merges: pre?.ignoreMerges === true,
      vocab: Object.fromEntries(vocab),
      merges: merges.map((merge) => splitMerge(meta, merge)),
    },
  };
}

const EMPTY_BPE = {
  type: 'BPE',
  dropout: null,
  unk_token: null as string | null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

function splitMerge(meta: GgufMeta, merge: string): [string, string] {
  const at = merge.indexOf(' ', 1);
  if (at < 1 || at === merge.length - 1) {
    throw new LabError(
      'FormatError',
      `${meta.file.source.name}: ${JSON.stringify(merge.slice(0, 60))} in tokenizer.ggml.merges is not two tokens.`,
    );
  }
  return [merge.slice(0, at), merge.slice(at + 1)];
}

async function sentencePiece(
  meta: GgufMeta,
  tokens: readonly string[],
  vocab: Map<string, number>,
  types: Float64Array | null,
): Promise<Record<string, unknown>> {
  const scores = await ggufNumbers(meta.file, 'tokenizer.ggml.scores');
  if (scores?.length !== tokens.length)
    throw new LabError(
      'FormatError',
      `${meta.file.source.name}: tokenizer.ggml.scores does not fit the tokens.`,
    );
  const prefix = meta.flag('tokenizer.ggml.add_space_prefix') ?? true;
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const unknown = meta.general('tokenizer.ggml.unknown_token_id') ?? types?.indexOf(UNKNOWN) ?? -1;
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, space] : [space],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...EMPTY_BPE,
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(vocab),
      merges: mergesOf(vocab, scores),
    },
  };
}

/** Every way to put a token together from two others, the highest score first. */
export function mergesOf(
  vocab: ReadonlyMap<string, number>,
  scores: ArrayLike<number>,
): [left: string, right: string][] {
  const merges: { left: string; right: string; score: number; lefts: number; rights: number }[] = [];
  for (const [token, id] of vocab) {
    const local: { left: string; right: string; a: number; b: number; lefts: number; rights: number }[] = [];
    const points = Array.from(token);
    let left = '';
    for (let at = 1; at < points.length; at++) {
      left += points[at - 1] ?? '';
      const right = token.slice(left.length);
      const a = vocab.get(left);
      const b = vocab.get(right);
      if (a === undefined || b === undefined) continue;
      local.push({ left, right, a, b, lefts: at, rights: points.length - at });
    }
    local.sort((x, y) => x.a - y.a || x.b - y.b);
    const score = scores[id] ?? 0;
    for (const { left: l, right: r, lefts, rights } of local)
      merges.push({ left: l, right: r, score, lefts, rights });
  }
  merges.sort((x, y) => y.score - x.score || y.lefts - x.lefts || y.rights - x.rights);
  return merges.map(({ left, right }) => [left, right]);
}

/** The tokens that stand before and behind every text. */
function postProcessor(meta: GgufMeta, tokens: readonly string[], bosByDefault: boolean): unknown {
  const token = (key: string, wanted: boolean): { id: number; content: string } | null => {
    const id = meta.general(key);
    const content = id === undefined ? undefined : tokens[id];
    return wanted && id !== undefined && content !== undefined ? { id, content } : null;
  };
  const bos = token('tokenizer.ggml.bos_token_id', meta.flag('tokenizer.ggml.add_bos_token') ?? bosByDefault);
  const eos = token('tokenizer.ggml.eos_token_id', meta.flag('tokenizer.ggml.add_eos_token') ?? false);
  if (!bos && !eos) return null;
  const special = (t: { content: string } | null, type: number): unknown[] =>
    t ? [{ SpecialToken: { id: t.content, type_id: type } }] : [];
  const sequence = (id: 'A' | 'B', type: number): unknown[] => [
    ...special(bos, type),
    { Sequence: { id, type_id: type } },
    ...special(eos, type),
  ];
  return {
    type: 'TemplateProcessing',
    single: sequence('A', 0),
    pair: [...sequence('A', 0), ...sequence('B', 1)],
    special_tokens: Object.fromEntries(
      [bos, eos].flatMap((t) =>
        t ? [[t.content, { id: t.content, ids: [t.id], tokens: [t.content] }]] : [],
      ),
    ),
  };
}

/** What tokenizer_config.json says: the special tokens, the chat template, the context. */
export async function tokenizerConfig(meta: GgufMeta): Promise<Record<string, unknown>> {
  const tokens = (await ggufStrings(meta.file, 'tokenizer.ggml.tokens')) ?? [];
  const name = (key: string): string | undefined => {
    const id = meta.general(`tokenizer.ggml.${key}_token_id`);
    return id === undefined ? undefined : tokens[id];
  };
  const fields = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: name('bos'),
    eos_token: name('eos'),
    unk_token: name('unknown'),
    pad_token: name('padding'),
    model_max_length: meta.number('context_length', 0),
    clean_up_tokenization_spaces: false,
    chat_template: meta.text('tokenizer.chat_template'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
