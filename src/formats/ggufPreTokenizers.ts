/**
 * What the names in tokenizer.ggml.pre stand for, in the terms of tokenizer.json: the rules of the tokenizers that
 * llama.cpp recognised when it wrote the name. A name that is not here cannot be followed exactly.
 */
export interface PreKind {
  /** In front of the byte-level step. */
  steps?: Record<string, unknown>[];
  /** The byte-level step cuts with GPT-2's own expression. */
  gpt2?: boolean;
  nfc?: boolean;
  /** A piece that is a token is taken whole. */
  ignoreMerges?: boolean;
  /** The first token stands before a text unless the file says otherwise. */
  addsBos?: boolean;
}

const isolate = (Regex: string): Record<string, unknown> => ({
  type: 'Split',
  pattern: { Regex },
  behavior: 'Isolated',
  invert: false,
});
const DIGITS = { type: 'Digits', individual_digits: true };

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** The expression of cl100k, with runs of `digits`. */
const cl100k = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const UPPER = '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}';
const LOWER = '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}';
/** Words by case, with the `ending` and `digits` of each. */
const byCase = (ending: string, digits: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]*[${LOWER}]+${ending}|[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]+[${LOWER}]*${ending}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const gpt2: PreKind = { gpt2: true };
const digits: PreKind = { steps: [DIGITS], gpt2: true };
const llama3: PreKind = { steps: [isolate(cl100k('\\p{N}{1,3}'))], ignoreMerges: true, addsBos: true };

export const PRE_TOKENIZERS: ReadonlyMap<string, PreKind> = new Map<string, PreKind>([
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['olmo', { gpt2: true, nfc: true }],
  ['smollm', digits],
  ['starcoder', digits],
  ['refact', digits],
  ['codeshell', digits],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['dbrx', { steps: [isolate(cl100k('\\p{N}{1,3}'))] }],
  ['qwen2', { steps: [isolate(cl100k('\\p{N}'))], nfc: true }],
  ['gpt-4o', { steps: [isolate(byCase("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", '\\p{N}{1,3}'))] }],
  ['tekken', { steps: [isolate(byCase('', '\\p{N}'))], ignoreMerges: true, addsBos: true }],
  // What llama.cpp does with a file that names none.
  [
    'default',
    {
      steps: [
        isolate('[\\p{P}\\$\\+<=>\\^~\\|]+'),
        isolate(GPT2),
        isolate('\\p{N}+'),
        isolate('[0-9][0-9][0-9]'),
      ],
    },
  ],
]);
