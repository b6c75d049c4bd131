/** Sets values in the text of a JSON object and leaves every other byte of it as it is. */
import { isJsonObject, parseJson } from './json';

/**
 * `text` with the top-level keys of `values` set, in place where they stand, else before the closing brace. `text` must
 * be a JSON object that names no key twice.
 */
export function withValues(text: string, values: Readonly<Record<string, unknown>>): string {
  const spans = valueSpans(text);
  let out = text;
  const indent = /\n([ \t]*)"/.exec(out)?.[1] ?? '  ';
  const known = [...spans].filter(([key]) => Object.hasOwn(values, key));
  for (const [key, { begin, end }] of known.sort((a, b) => b[1].begin - a[1].begin))
    out = `${out.slice(0, begin)}${textOf(values[key], indent)}${out.slice(end)}`;
  const added = Object.entries(values).filter(([key]) => !spans.has(key));
  if (added.length > 0) {
    const close = out.lastIndexOf('}');
    const before = out.slice(0, close).trimEnd();
    const lines = added.map(([key, value]) => `\n${indent}${JSON.stringify(key)}: ${textOf(value, indent)}`);
    out = `${before}${spans.size > 0 ? ',' : ''}${lines.join(',')}\n${out.slice(close)}`;
  }
  const parsed = parseJson('the edited JSON', out, { unique: true });
  if (
    !isJsonObject(parsed) ||
    Object.entries(values).some(([key, value]) => JSON.stringify(parsed[key]) !== JSON.stringify(value))
  )
    throw new Error('the JSON could not be edited');
  return out;
}

/** Over several lines where it is an object, indented as the text around it. */
function textOf(value: unknown, indent: string): string {
  return JSON.stringify(value, null, indent).replaceAll('\n', `\n${indent}`);
}

/** Where the value of each top-level key stands in the text. */
function valueSpans(text: string): Map<string, { begin: number; end: number }> {
  const spans = new Map<string, { begin: number; end: number }>();
  let depth = 0;
  let key: string | null = null;
  let begin = 0;
  const close = (at: number): void => {
    if (key === null) return;
    const value = text.slice(begin, at);
    const from = begin + (value.length - value.trimStart().length);
    spans.set(key, { begin: from, end: begin + value.trimEnd().length });
    key = null;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const from = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const colon = depth === 1 && key === null ? /^\s*:/.exec(text.slice(i + 1, i + 64)) : null;
      if (colon) {
        key = String(JSON.parse(text.slice(from, i + 1)));
        i += colon[0].length;
        begin = i + 1;
      }
    } else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      if (depth === 1) close(i);
      depth--;
    } else if (c === ',' && depth === 1) close(i);
  }
  return spans;
}
