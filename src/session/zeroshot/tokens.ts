/**
 * Contexts and continuations as token ids, as lm-evaluation-harness makes them: the continuation's tokens are those of
 * the whole behind as many as the context alone has.
 */
import { LabError } from '../../core/errors';
import { rstrip } from '../../core/pythonText';
import type { ZeroShotMode } from '../../core/zeroshot';
import type { TokenizerHandle } from '../../formats/tokenizer';
import type { Option } from '../../formats/zeroshot/tasks';

/** What is run for one option: `targets` are predicted at the last positions of `input`. */
export interface OptionTokens {
  input: Uint32Array;
  targets: Uint32Array;
  /** Tokens that were cut off at the left. */
  cut: number;
}

/** Texts in one call of the tokenizer: it has a time limit. */
const TEXTS_AT_ONCE = 512;

/**
 * Tokens of every option. `context` is the longest input of the model; `where(i)` names option i in messages. TextError
 * where a continuation has no token of its own, or more than fit.
 */
export async function optionTokens(
  tokenizer: TokenizerHandle,
  options: readonly Option[],
  mode: ZeroShotMode,
  context: number,
  where: (index: number) => string,
  signal?: AbortSignal,
): Promise<OptionTokens[]> {
  const pairs = options.map(splitAtSpace);
  const special = mode === 'harness';
  const prefix = prefixToken(tokenizer, mode);
  if (prefix === undefined && pairs.some((pair) => pair.context === ''))
    throw new LabError(
      'TextError',
      'The tokenizer names no token that begins or ends a text, which an empty context needs.',
      'Use a model whose tokenizer_config.json names bos_token or eos_token.',
    );
  const texts = pairs.flatMap((pair) =>
    pair.context === '' ? [] : [pair.context, pair.context + pair.continuation],
  );
  const bare = pairs.flatMap((pair) => (pair.context === '' ? [pair.continuation] : []));
  const ids = await encode(tokenizer, texts, special, signal);
  const bareIds = await encode(tokenizer, bare, false, signal);
  if (special && prefix !== undefined) await dropDoublePrefix(tokenizer, texts, ids, prefix, signal);
  let at = 0;
  let atBare = 0;
  return pairs.map((pair, index) => {
    const [ctx, all] =
      pair.context === ''
        ? withPrefix(prefix ?? 0, bareIds[atBare++] ?? new Uint32Array(), mode)
        : [ids[at++]?.length ?? 0, ids[at++] ?? new Uint32Array()];
    return cutToFit(all, ctx, context, () => where(index));
  });
}

/** White space at the end of the context goes to the continuation: tokens have their space in front. */
function splitAtSpace({ context, continuation }: Option): { context: string; continuation: string } {
  const kept = rstrip(context);
  return { context: kept, continuation: context.slice(kept.length) + continuation };
}

/** What an empty context is. */
function prefixToken({ specialIds }: TokenizerHandle, mode: ZeroShotMode): number | undefined {
  const { bos, eos } = specialIds;
  return mode === 'paper' ? (eos[0] ?? bos) : (bos ?? eos[0]);
}

function withPrefix(prefix: number, ids: Uint32Array, mode: ZeroShotMode): [number, Uint32Array] {
  // The harness does not say the same token twice.
  if (mode === 'harness' && ids[0] === prefix) return [1, ids];
  const all = new Uint32Array(ids.length + 1);
  all[0] = prefix;
  all.set(ids, 1);
  return [1, all];
}

/** A text that begins with the prefix token's own text gets no special tokens more. */
async function dropDoublePrefix(
  tokenizer: TokenizerHandle,
  texts: readonly string[],
  ids: Uint32Array[],
  prefix: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const doubled = ids.flatMap((list, i) => (list[0] === prefix && list[1] === prefix ? [i] : []));
  const again = await encode(
    tokenizer,
    doubled.map((i) => texts[i] ?? ''),
    false,
    signal,
  );
  doubled.forEach((i, k) => (ids[i] = again[k] ?? new Uint32Array()));
}

async function encode(
  tokenizer: TokenizerHandle,
  texts: readonly string[],
  special: boolean,
  signal: AbortSignal | undefined,
): Promise<Uint32Array[]> {
  const out: Uint32Array[] = [];
  for (let at = 0; at < texts.length; at += TEXTS_AT_ONCE)
    out.push(...(await tokenizer.encodeAll(texts.slice(at, at + TEXTS_AT_ONCE), special, signal)));
  return out;
}

/** The last `context + 1` tokens without the final one are the input. */
function cutToFit(all: Uint32Array, ctx: number, context: number, where: () => string): OptionTokens {
  const targets = all.subarray(Math.min(ctx, all.length));
  if (targets.length === 0)
    throw new LabError(
      'TextError',
      `${where()}: the option adds no token to its context.`,
      'Give an option with text of its own.',
    );
  if (targets.length > context)
    throw new LabError(
      'TextError',
      `${where()}: the option has ${targets.length} tokens; the model's context is ${context}.`,
      'Give shorter options.',
    );
  const cut = Math.max(0, all.length - context - 1);
  return { input: all.subarray(cut, all.length - 1), targets, cut };
}
