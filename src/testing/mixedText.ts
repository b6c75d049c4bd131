/**
 * One text of everything: scripts, combining marks, emoji, code, white space, digits, controls, pieces of special
 * tokens. Deterministic; scripts/fixtures/make_tokenizers.py has the same lists and the same generator.
 */
const LATIN = [
  'the',
  'and',
  'whale',
  'of',
  'Ishmael',
  'sea',
  'I',
  "don't",
  "we've",
  "THEY'LL",
  "it's",
  "I'm",
  "you'd",
  "can't",
  "Queequeg's",
  "O'Brien",
  "rock'n'roll",
  'naïve',
  'café',
  'Straße',
  'coöperate',
  'œuvre',
  'Łódź',
  'İstanbul',
  'ǅ',
  'ﬁne',
];
const RANGES: readonly (readonly [number, number])[] = [
  [0x41, 0x5a],
  [0x61, 0x7a],
  [0x61, 0x7a],
  [0xc0, 0xff],
  [0x100, 0x17f],
  [0x391, 0x3a1],
  [0x3b1, 0x3c9],
  [0x410, 0x44f],
  [0x531, 0x556],
  [0x5d0, 0x5ea],
  [0x620, 0x64a],
  [0x660, 0x669],
  [0x904, 0x939],
  [0x93e, 0x94d],
  [0x966, 0x96f],
  [0x995, 0x9a8],
  [0xe01, 0xe3a],
  [0xe40, 0xe4e],
  [0x10d0, 0x10f0],
  [0x1100, 0x1112],
  [0x1161, 0x1175],
  [0x1200, 0x1206],
  [0x1780, 0x17b3],
  [0x1e00, 0x1eff],
  [0x3041, 0x3096],
  [0x30a1, 0x30fa],
  [0x4e00, 0x4e80],
  [0x9f00, 0x9f80],
  [0xac00, 0xac80],
  [0xff10, 0xff5a],
  [0x1d400, 0x1d433],
  [0x20000, 0x20040],
];
const PIECES = [
  '😀',
  '👩\u200d👩\u200d👧\u200d👦',
  '🏳\ufe0f\u200d🌈',
  '🇨🇭🇦🇹',
  '👍🏽',
  '🐋',
  '☎\ufe0f',
  '❤',
  'e\u0301',
  'n\u0303o',
  'A\u030a',
  'q\u0323\u0307',
  '\u0301',
  'for (let i = 0; i < n; i++) {\n\t  x[i] += 0x1F;\r\n}\r\n',
  'def f(x):\n    return x ** 2  # ok\n',
  '<p class="a">&amp;</p>',
  'https://example.org/a?b=c&d=%20',
  'a_b-c.d/e\\f',
  'C:\\dir\\file.txt',
  '$x^2$',
  '@user',
  '#tag',
  '`code`',
  '{{}}',
  '--',
  '...',
  '…',
  '—',
  '“q”',
  '‘s’',
  '’s',
  "'s",
  "'S",
  "'ll",
  "'LL",
  '«x»',
  '¿?',
  '、',
  '。',
  '！',
  '€5',
  '£',
  '№ 7',
  '±',
  '×',
  '∑',
  '√2',
  '0',
  '7',
  '42',
  '1234567890',
  '3.14159',
  '1,000',
  '1e-5',
  '²',
  '½',
  'Ⅷ',
  '①',
  '٣٤',
  '12345٣',
  'x2y',
  'ǆ',
  '\u0345',
  '<|endoftext|>',
  '<|endof',
  'text|>',
  '<s>',
  '</s>',
  '<unk>',
  '<0x41>',
  '▁',
  '▁▁the',
  '[INST]',
  '<|im_start|>user\n',
  'Ġ',
  'Ċ',
  '\u0000',
  '\u0001',
  '\u001b[0m',
  '\u007f',
  '\u0085',
  '\u00a0',
  '\u00ad',
  '\u200b',
  '\u200d',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\u3000',
  '\u2003',
  '\u202e',
  '\ufffd',
  '\ufffe',
  '\ue000',
  '\u{10ffff}',
  '\u{e0041}',
  '\u1680',
  '\u180e',
  '\u001c',
  '\u000b',
  '\u000c',
];
const SPACES = [
  ' ',
  ' ',
  ' ',
  ' ',
  ' ',
  ' ',
  '  ',
  '   ',
  '     ',
  '\n',
  '\n\n',
  '\r\n',
  '\r\n\r\n',
  '\t',
  '\t\t',
  ' \n',
  '\n ',
  ' \t ',
  '\r',
  '',
];

/** At least `size` bytes of UTF-8. */
export function mixedText(size: number): string {
  let state = 1;
  const pick = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) % n;
  };
  const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
  const repeat = (count: number, make: () => string): string => {
    let text = '';
    for (let i = 0; i < count; i++) text += make();
    return text;
  };
  const encoder = new TextEncoder();
  const parts: string[] = [];
  for (let total = 0; total < size;) {
    const kind = pick(8);
    let part: string;
    if (kind < 3) {
      part = one(LATIN);
      if (pick(6) === 0 && part.charCodeAt(0) < 128) part = part.charAt(0).toUpperCase() + part.slice(1);
    } else if (kind < 5) {
      const [low, high] = one(RANGES);
      part = repeat(1 + pick(9), () => String.fromCodePoint(low + pick(high - low + 1)));
    } else if (kind === 5) {
      part = one(PIECES);
    } else if (kind === 6) {
      part = repeat(1 + pick(8), () => String.fromCharCode(0x30 + pick(10)));
    } else {
      const space = one(SPACES);
      part = space.repeat(1 + pick(3));
    }
    part += one(SPACES);
    parts.push(part);
    total += encoder.encode(part).byteLength;
  }
  return parts.join('');
}
