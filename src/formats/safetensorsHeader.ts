/**
 * The JSON header of a safetensors file, read by a strict parser of its own: the grammar is small, `JSON.parse`
 * would hide duplicate names, and a schema checked while reading bounds what a hostile header can make us build.
 */
import { LabError } from '../core/errors';
import { quoteName } from './json';

export interface HeaderTensor {
  name: string;
  dtype: string;
  shape: number[];
  /** Offsets into the data part, as written; not yet checked against it. */
  begin: number;
  end: number;
}

export interface Header {
  tensors: HeaderTensor[];
  metadata: Record<string, string>;
}

/** The largest published shards hold a few thousand tensors; each entry costs us some hundred bytes. */
export const MAX_TENSORS = 200_000;
/** Metadata is a handful of strings in practice. */
export const MAX_METADATA = 20_000;
/** PyTorch's own limit on dimensions. */
export const MAX_RANK = 64;

/** Parses the header text. FormatError with the place on anything that is not exactly a safetensors header. */
export function parseSafetensorsHeader(file: string, text: string): Header {
  return new HeaderParser(file, text).header();
}

class HeaderParser {
  readonly #file: string;
  readonly #text: string;
  #at = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  header(): Header {
    if (!this.#text.startsWith('{')) this.#fail('the header does not begin with "{"');
    const tensors: HeaderTensor[] = [];
    const names = new Set<string>();
    let metadata: Map<string, string> | undefined;
    this.#object((name) => {
      if (name === '__metadata__') {
        if (metadata) this.#fail('"__metadata__" appears twice');
        metadata = this.#metadata();
        return;
      }
      if (names.has(name)) this.#fail(`tensor ${quoteName(name)} appears twice`);
      if (names.size >= MAX_TENSORS) this.#fail(`more than ${MAX_TENSORS} tensors`);
      names.add(name);
      tensors.push(this.#tensor(name));
    });
    this.#space();
    if (this.#at !== this.#text.length) this.#fail('text after the header object');
    // fromEntries defines own properties, so a key "__proto__" is data like any other.
    return { tensors, metadata: Object.fromEntries(metadata ?? []) };
  }

  #tensor(name: string): HeaderTensor {
    const what = `tensor ${quoteName(name)}`;
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    if (this.#peek() !== '{') this.#fail(`${what} is not an object`);
    this.#object((key) => {
      if (key === 'dtype' && dtype === undefined) dtype = this.#string();
      else if (key === 'shape' && shape === undefined) shape = this.#integers(`shape of ${what}`, MAX_RANK);
      else if (key === 'data_offsets' && offsets === undefined)
        offsets = this.#integers(`data_offsets of ${what}`, 2);
      else if (key === 'dtype' || key === 'shape' || key === 'data_offsets')
        this.#fail(`${what} has "${key}" twice`);
      else this.#fail(`${what} has an unknown field ${quoteName(key)}`);
    });
    if (dtype === undefined || shape === undefined || offsets === undefined) {
      this.#fail(`${what} lacks dtype, shape or data_offsets`);
    }
    const [begin, end] = offsets;
    if (begin === undefined || end === undefined) this.#fail(`data_offsets of ${what} are not two numbers`);
    return { name, dtype, shape, begin, end };
  }

  #metadata(): Map<string, string> {
    const entries = new Map<string, string>();
    this.#space();
    if (this.#text.startsWith('null', this.#at)) {
      this.#at += 4;
      return entries;
    }
    if (this.#peek() !== '{') this.#fail('"__metadata__" is not an object');
    this.#object((key) => {
      if (entries.has(key)) this.#fail(`metadata ${quoteName(key)} appears twice`);
      if (entries.size >= MAX_METADATA) this.#fail(`more than ${MAX_METADATA} metadata entries`);
      if (this.#peek() !== '"') this.#fail(`metadata ${quoteName(key)} is not a string`);
      entries.set(key, this.#string());
    });
    return entries;
  }

  /** `{ "key": value, … }`; `value` reads the value of each key. */
  #object(value: (key: string) => void): void {
    this.#expect('{');
    if (this.#peek() === '}') {
      this.#at++;
      return;
    }
    for (;;) {
      if (this.#peek() !== '"') this.#fail('a name in double quotes is missing');
      const key = this.#string();
      this.#expect(':');
      value(key);
      if (this.#peek() !== ',') break;
      this.#at++;
    }
    this.#expect('}');
  }

  #integers(what: string, limit: number): number[] {
    const values: number[] = [];
    this.#expect('[');
    if (this.#peek() === ']') {
      this.#at++;
      return values;
    }
    for (;;) {
      if (values.length >= limit) this.#fail(`${what}: more than ${limit} numbers`);
      values.push(this.#integer(what));
      if (this.#peek() !== ',') break;
      this.#at++;
    }
    this.#expect(']');
    return values;
  }

  #integer(what: string): number {
    this.#space();
    const begin = this.#at;
    // 17 digits exceed every safe integer, so longer runs need no reading.
    while (this.#at - begin < 17 && this.#isDigit(this.#at)) this.#at++;
    const digits = this.#text.slice(begin, this.#at);
    const value = Number(digits);
    const next = this.#text[this.#at];
    const clean =
      next === ',' || next === ']' || next === ' ' || next === '\n' || next === '\r' || next === '\t';
    if (
      !clean ||
      digits === '' ||
      (digits.length > 1 && digits.startsWith('0')) ||
      !Number.isSafeInteger(value)
    ) {
      this.#at = begin;
      this.#fail(`${what}: not a whole number from 0 to 2^53 - 1`);
    }
    return value;
  }

  #string(): string {
    this.#expect('"');
    const begin = this.#at;
    let escaped = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) {
        const raw = this.#text.slice(begin, this.#at++);
        return escaped ? this.#unescape(raw) : raw;
      }
      if (code === 0x5c) {
        escaped = true;
        this.#at++;
      } else if (code < 0x20) {
        this.#fail('a control character inside a string');
      }
    }
    this.#fail('a string does not end');
  }

  #unescape(raw: string): string {
    let value: unknown;
    try {
      value = JSON.parse(`"${raw}"`);
    } catch {
      this.#fail(`a wrong escape in the string ${quoteName(raw)}`);
    }
    if (typeof value !== 'string' || /\p{Surrogate}/u.test(value))
      this.#fail('a string holds half a surrogate pair');
    return value;
  }

  #isDigit(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code >= 0x30 && code <= 0x39;
  }

  #space(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
    }
  }

  #peek(): string | undefined {
    this.#space();
    return this.#text[this.#at];
  }

  #expect(symbol: string): void {
    if (this.#peek() !== symbol) this.#fail(`"${symbol}" is missing`);
    this.#at++;
  }

  #fail(what: string): never {
    throw new LabError(
      'FormatError',
      `${this.#file}: ${what} (header character ${this.#at}).`,
      'The file is damaged or not a safetensors file; fetch it again.',
    );
  }
}
