/** Tokenizers from GGUF metadata give the ids of the tokenizer.json that they came from. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { buildGguf, type GgufTestFile } from '../testing/ggufBuilder';
import { mixedText } from '../testing/mixedText';
import { readGguf } from './gguf';
import { GgufMeta } from './ggufMeta';
import { ggufTokenizer, mergesOf, tokenizerConfig, unknownTokenizer } from './ggufTokenizer';
import { memorySource } from './source';
import { TokenizerEngine } from './tokenizerEngine';

type Json = Record<string, unknown>;
interface Fixture {
  bases: Record<string, string>;
  cases: Record<string, { base: string; patch: Json }>;
}
interface TokenizerJson extends Json {
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens: { id: number; content: string; special: boolean }[];
}

const fixture = JSON.parse(await readFile('src/testing/fixtures/tokenizers.json', 'utf8')) as Fixture;
const novel = (await readFile('public/texts/moby-dick.txt', 'utf8')).slice(0, 20_000);
const text = mixedText(40_000) + novel;

function original(name: string, more: Json = {}): TokenizerJson {
  const { base = '', patch = {} } = fixture.cases[name] ?? {};
  const json = JSON.parse(
    gunzipSync(Buffer.from(fixture.bases[base] ?? '', 'base64')).toString(),
  ) as TokenizerJson;
  for (const [key, value] of Object.entries({ ...patch, ...more }))
    json[key] = key === 'model' ? { ...json.model, ...(value as Json) } : value;
  return json;
}

async function metaOf(metadata: GgufTestFile['metadata']): Promise<GgufMeta> {
  const bytes = buildGguf({
    metadata: [['general.architecture', { string: 'llama' }], ...metadata],
    tensors: [],
  });
  return new GgufMeta(await readGguf(memorySource('m.gguf', bytes)));
}

/** Tokens and types of a tokenizer as llama.cpp's converter lists them. */
function vocabulary(json: TokenizerJson): GgufTestFile['metadata'] {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  for (const { id, content } of json.added_tokens) tokens[id] = content;
  const types = Array.from(tokens, (token) => {
    const added = json.added_tokens.find((t) => t.content === token);
    if (added) return token === '<unk>' ? 2 : added.special ? 3 : 4;
    return /^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1;
  });
  return [
    ['tokenizer.ggml.tokens', { strings: Array.from(tokens, (t) => t ?? '') }],
    ['tokenizer.ggml.token_type', { i32s: types }],
  ];
}

const spaced = (merges: TokenizerJson['model']['merges']): string[] =>
  merges.map((m) => (typeof m === 'string' ? m : m.join(' ')));

const idsOf = (json: string): Uint32Array =>
  new TokenizerEngine({ name: 'm', json, config: null }).encode(text);

describe('byte-level BPE', () => {
  test.each([
    ['gpt2', 'gpt-2'],
    ['smollm', 'smollm'],
    ['llama3', 'llama-bpe'],
    ['qwen2', 'qwen2'],
    ['tekken', 'tekken'],
  ])('%s by the name %s', async (name, pre) => {
    // GGUF keeps no flags of added tokens, such as stripping the space beside them.
    const json = original(name, { added_tokens: original('gpt2').added_tokens });
    const post = JSON.stringify(json.post_processor ?? null);
    const first = json.added_tokens.find((t) => post.includes(JSON.stringify(t.content)));
    const meta = await metaOf([
      ['tokenizer.ggml.model', { string: 'gpt2' }],
      ['tokenizer.ggml.pre', { string: pre }],
      ...vocabulary(json),
      ['tokenizer.ggml.merges', { strings: spaced(json.model.merges) }],
      ['tokenizer.ggml.bos_token_id', { u32: first?.id ?? 0 }],
      ['tokenizer.ggml.add_bos_token', { bool: first !== undefined }],
    ]);
    expect(unknownTokenizer(meta)).toBeNull();
    expect(idsOf(await ggufTokenizer(meta))).toEqual(idsOf(JSON.stringify(json)));
  });

  test('an unknown name is refused only when a text is to be tokenised', async () => {
    const meta = await metaOf([
      ['tokenizer.ggml.model', { string: 'gpt2' }],
      ['tokenizer.ggml.pre', { string: 'novel' }],
    ]);
    expect(unknownTokenizer(meta)).toContain('"novel"');
    await expect(ggufTokenizer(meta)).rejects.toMatchObject({ kind: 'TextError' });
  });
});

describe('SentencePiece BPE', () => {
  test('merges follow from the scores', async () => {
    const json = original('llama2');
    // As SentencePiece scores: the earlier a piece was merged, the higher.
    const tokens = vocabulary(json);
    const list = tokens[0]?.[1];
    const strings = list && 'strings' in list ? list.strings : [];
    const scores = new Float64Array(strings.length);
    json.model.merges.forEach((merge, rank) => {
      const id = json.model.vocab[typeof merge === 'string' ? merge.replace(' ', '') : merge.join('')] ?? 0;
      if (scores[id] === 0) scores[id] = -rank - 1;
    });
    for (let id = 0; id < scores.length; id++) if (scores[id] === 0) scores[id] = -1e6 - id;
    const post = JSON.stringify(json.post_processor);
    const meta = await metaOf([
      ['tokenizer.ggml.model', { string: 'llama' }],
      ['tokenizer.ggml.pre', { string: 'default' }],
      ...tokens,
      ['tokenizer.ggml.scores', { f32s: Array.from(scores) }],
      ['tokenizer.ggml.bos_token_id', { u32: 1 }],
      ['tokenizer.ggml.unknown_token_id', { u32: 0 }],
    ]);
    expect(post).toContain('<s>');
    expect(idsOf(await ggufTokenizer(meta))).toEqual(idsOf(JSON.stringify(json)));
  });

  test('every split of a token into two tokens is a merge, the best token first', () => {
    const vocab = new Map([['a', 0], ['b', 1], ['ab', 2], ['abb', 3], ['bb', 4]]); // prettier-ignore
    expect(mergesOf(vocab, [-9, -9, -1, -2, -3])).toEqual([
      ['a', 'b'],
      ['ab', 'b'],
      ['a', 'bb'],
      ['b', 'b'],
    ]);
  });
});

test('tokenizer_config.json names the special tokens', async () => {
  const meta = await metaOf([
    ['tokenizer.ggml.tokens', { strings: ['<unk>', '<s>', '</s>'] }],
    ['tokenizer.ggml.bos_token_id', { u32: 1 }],
    ['tokenizer.ggml.eos_token_id', { u32: 2 }],
    ['tokenizer.chat_template', { string: '{{ x }}' }],
  ]);
  expect(await tokenizerConfig(meta)).toMatchObject({
    bos_token: '<s>',
    eos_token: '</s>',
    chat_template: '{{ x }}',
  });
});
