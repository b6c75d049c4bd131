/** JSON of untrusted files: sizes, nesting and element counts are limited before `JSON.parse` builds anything. */
import { LabError } from '../core/errors';
import type { ByteSource } from './source';

/** Deepest published config.json files nest five levels. */
const MAX_JSON_DEPTH = 64;
/** Every value costs memory beyond its text; a 250,000 entry unigram vocabulary has about 0.75 million. */
const MAX_JSON_ELEMENTS = 4_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** UTF-8 without replacement characters; a byte order mark is dropped. FormatError names the file. */
export function decodeUtf8(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LabError('FormatError', `${name}: not valid UTF-8.`, undefined, { cause });
  }
}

export interface JsonRules {
  /** Refuses an object that names a key twice: readers differ in which value they take. */
  unique?: boolean;
}

/** Parses `text`; FormatError when it is not JSON, nests too deep or holds too many values. */
export function parseJson(name: string, text: string, rules: JsonRules = {}): unknown {
  let depth = 0;
  let elements = 0;
  /** Keys of the objects around, null for lists; only where they must be unique. */
  const keys: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      // Skips the string; an unterminated one is left to JSON.parse to report.
      const begin = i;
      for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++)
        if (text.charCodeAt(i) === BACKSLASH) i++;
      const known = keys[depth - 1];
      if (known && /^\s*:/.test(text.slice(i + 1, i + 64))) {
        const key = unescaped(text.slice(begin, i + 1));
        if (known.has(key))
          throw new LabError('FormatError', `${name}: the key ${quoteName(key)} appears twice.`);
        known.add(key);
      }
    } else if (code === 0x7b || code === 0x5b) {
      elements++;
      if (++depth > MAX_JSON_DEPTH)
        throw new LabError('FormatError', `${name}: nests deeper than ${MAX_JSON_DEPTH} levels.`);
      if (rules.unique) keys[depth - 1] = code === 0x7b ? new Set() : null;
    } else if (code === 0x7d || code === 0x5d) {
      depth--;
    } else if (code === 0x2c) {
      elements++;
    }
  }
  if (elements > MAX_JSON_ELEMENTS) {
    throw new LabError(
      'FormatError',
      `${name}: holds ${elements} values, more than the limit of ${MAX_JSON_ELEMENTS}.`,
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const hint = /^\s*<(!doctype|html)/i.test(text)
      ? ' It is a web page; the server may not have this file.'
      : text.startsWith('version https://git-lfs')
        ? ' It is a Git LFS pointer; fetch the file itself, for example with "git lfs pull".'
        : '';
    const reason = cause instanceof Error ? cause.message.slice(0, 160) : String(cause);
    throw new LabError('FormatError', `${name}: not valid JSON: ${reason}.${hint}`, undefined, { cause });
  }
}

/** The key itself where it can be read; JSON.parse says what is wrong with one that cannot. */
function unescaped(quoted: string): string {
  try {
    return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  } catch {
    return quoted;
  }
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whole text of a small file. `limit` in bytes is checked before anything is read. */
export async function readText(source: ByteSource, limit: number, signal?: AbortSignal): Promise<string> {
  if (source.size > limit) {
    throw new LabError(
      'FormatError',
      `${source.name}: ${source.size} bytes, more than the limit of ${limit} for this file.`,
    );
  }
  return decodeUtf8(source.name, await source.read(0, source.size, signal));
}

/** A JSON object from a small file. */
export async function readJsonObject(source: ByteSource, limit: number): Promise<Record<string, unknown>> {
  const value = parseJson(source.name, await readText(source, limit), { unique: true });
  if (!isJsonObject(value)) throw new LabError('FormatError', `${source.name}: not a JSON object.`);
  return value;
}

/** A name out of a hostile file, cut and escaped for a one-line message. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}
