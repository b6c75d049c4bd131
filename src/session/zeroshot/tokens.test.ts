import { describe, expect, test } from 'vitest';
import type { TokenizerHandle } from '../../formats/tokenizer';
import fixture from '../../testing/fixtures/zeroshot.json';
import { chosen } from './documents';
import { optionTokens } from './tokens';

/** A token for each character, its code; `bos` in front of a text where there is one. */
function characters(special: { bos?: number; eos: number[] }): TokenizerHandle {
  return {
    vocabularySize: 1 << 16,
    specialIds: special,
    encode: () => Promise.reject(new Error('not used')),
    encodeAll: (texts, withSpecial) =>
      Promise.resolve(
        texts.map((text) => {
          const ids = Array.from(text, (c) => (c === '^' ? 1 : (c.codePointAt(0) ?? 0)));
          return Uint32Array.from(withSpecial && special.bos !== undefined ? [special.bos, ...ids] : ids);
        }),
      ),
    decode: () => Promise.reject(new Error('not used')),
    close: () => undefined,
  };
}

const BOS = characters({ bos: 1, eos: [2] });
const codes = (text: string): number[] => Array.from(text, (c) => c.codePointAt(0) ?? 0);
const tokens = async (
  tokenizer: TokenizerHandle,
  context: string,
  continuation: string,
  mode: 'paper' | 'harness',
  longest = 64,
) => {
  const option = { context, continuation, characters: 1 };
  const [found] = await optionTokens(tokenizer, [option], mode, longest, (i) => `f: line 3, option ${i + 1}`);
  return { input: [...(found?.input ?? [])], targets: [...(found?.targets ?? [])], cut: found?.cut };
};

describe('tokens of an option', () => {
  test('special tokens are left out or kept by mode', async () => {
    const targets = codes(' c');
    expect(await tokens(BOS, 'ab', ' c', 'paper')).toEqual({ input: codes('ab '), targets, cut: 0 });
    expect(await tokens(BOS, 'ab', ' c', 'harness')).toEqual({
      input: [1, ...codes('ab ')],
      targets,
      cut: 0,
    });
  });

  test('white space at the end of the context belongs to the continuation', async () => {
    const found = await tokens(BOS, 'ab \u3000\n', 'c', 'paper');
    expect(found.targets).toEqual(codes(' \u3000\nc'));
  });

  test('an empty context is the end of a text, or its begin, which is not said twice', async () => {
    expect((await tokens(BOS, '', 'cd', 'paper')).input).toEqual([2, ...codes('c')]);
    expect((await tokens(BOS, '', 'cd', 'harness')).input).toEqual([1, ...codes('c')]);
    expect(await tokens(BOS, '', '^cd', 'harness')).toEqual({
      input: [1, ...codes('c')],
      targets: codes('cd'),
      cut: 0,
    });
    expect((await tokens(BOS, ' ', 'c', 'paper')).targets).toEqual(codes(' c'));
    expect((await tokens(BOS, '^ab', 'c', 'harness')).input).toEqual([1, ...codes('ab')]);
    await expect(tokens(characters({ eos: [] }), '', 'c', 'paper')).rejects.toThrow(/names no token/);
  });

  test('what is too long loses its beginning, never a token of the option', async () => {
    expect(await tokens(BOS, 'abcdef', 'gh', 'paper', 4)).toEqual({
      input: codes('defg'),
      targets: codes('gh'),
      cut: 3,
    });
    expect((await tokens(BOS, 'abc', 'gh', 'paper', 4)).cut).toBe(0);
    await expect(tokens(BOS, 'a', 'bcdef', 'paper', 4)).rejects.toThrow(
      /^f: line 3, option 1: the option has 5 tokens; the model's context is 4/,
    );
    await expect(tokens(BOS, 'a', '', 'paper')).rejects.toThrow(/adds no token/);
  });
});

test('a limit takes the first of the shuffled documents, none leaves them as they are', () => {
  const documents = Array.from({ length: 100 }, (_, i) => i);
  expect(chosen(documents, null)).toEqual(documents);
  expect(chosen(documents, 7)).toEqual(fixture.shuffle['100'].slice(0, 7));
  expect(chosen(documents, 500)).toHaveLength(100);
});
