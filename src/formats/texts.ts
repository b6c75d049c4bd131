/** Token windows of the three texts: how a text or a list of ids becomes what the model reads. Pure. */
import { LabError } from '../core/errors';
import { sha256Hex } from '../core/hash';
import { Rng } from '../core/rng';
import { counted } from '../core/words';
import { isJsonObject, parseJson } from './json';

export interface TokenLimits {
  /** Rows of the embedding: ids are below it. */
  vocabulary: number;
  /** Longest window the model can read. */
  context: number;
}

/** UTF-8 text of a file: a byte order mark is dropped, line ends are kept. TextError when it is not UTF-8. */
export function decodeText(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LabError('TextError', `${name}: not valid UTF-8.`, 'Save the text as UTF-8.', { cause });
  }
}

/**
 * `{"windows": [[ids], …]}`, used exactly as given; lengths may differ. TextError names the window (0-based) that is
 * empty, of one token, longer than the context, or holds something that is no id of this model.
 */
export function parseWindowsJson(name: string, text: string, limits: TokenLimits): Uint32Array[] {
  let value: unknown;
  try {
    value = parseJson(name, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LabError('TextError', reason, SHAPE_HINT, { cause });
  }
  const windows: unknown = isJsonObject(value) ? value.windows : undefined;
  if (!Array.isArray(windows)) throw new LabError('TextError', `${name}: no "windows" list.`, SHAPE_HINT);
  if (windows.length === 0)
    throw new LabError('TextError', `${name}: the list of windows is empty.`, SHAPE_HINT);
  return windows.map((window: unknown, index) => checkedWindow(name, window, index, limits));
}

const SHAPE_HINT = 'Give {"windows": [[ids], …]}, each window a list of at least two token ids.';

function checkedWindow(name: string, window: unknown, index: number, limits: TokenLimits): Uint32Array {
  const where = `${name}: window ${index}`;
  if (!Array.isArray(window)) throw new LabError('TextError', `${where} is not a list of ids.`, SHAPE_HINT);
  checkLength(where, window.length, limits.context);
  const ids = new Uint32Array(window.length);
  window.forEach((id: unknown, at) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= limits.vocabulary) {
      const shown = JSON.stringify(id)?.slice(0, 40) ?? String(id);
      throw new LabError(
        'TextError',
        `${where}, position ${at}: ${shown} is not a token id from 0 to ${limits.vocabulary - 1}.`,
        'Tokenise the text with this model’s own tokenizer.',
      );
    }
    ids[at] = id;
  });
  return ids;
}

function checkLength(where: string, length: number, context: number): void {
  if (length === 0) throw new LabError('TextError', `${where} is empty.`, SHAPE_HINT);
  if (length === 1) {
    throw new LabError('TextError', `${where} has one token; a prediction needs at least two.`, SHAPE_HINT);
  }
  if (length > context) {
    throw new LabError(
      'TextError',
      `${where} has ${length} tokens, more than the model's context of ${context}.`,
      `Use windows of at most ${context} tokens.`,
    );
  }
}

/** A window length asked for by flag or spec: from 2 to the context. */
export function checkWindowLength(window: number, context: number): void {
  checkLength('A window', window, context);
}

/** The same shape that `parseWindowsJson` reads. */
export function windowsToJson(windows: readonly ArrayLike<number>[]): string {
  return `{"windows": [\n${windows.map((w) => JSON.stringify(Array.from(w))).join(',\n')}\n]}\n`;
}

/** Every id lies in the embedding; TextError otherwise. For ids that came from a tokenizer. */
export function checkIds(name: string, ids: ArrayLike<number>, vocabulary: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id >= vocabulary) {
      throw new LabError(
        'TextError',
        `${name}: token ${i} has id ${id}, but the model's embedding has ${vocabulary} rows.`,
        'The tokenizer does not belong to this model.',
      );
    }
  }
}

/**
 * Contiguous windows from token 0, the tail dropped, at most `windows` of them. TextError when the text is shorter
 * than one window; `warning` says when there are fewer than asked.
 */
export function evaluationWindows(
  name: string,
  ids: ArrayLike<number>,
  window: number,
  windows: number,
): { windows: Uint32Array[]; warning: string | null } {
  requireOneWindow(name, ids.length, window);
  const count = Math.min(windows, Math.floor(ids.length / window));
  const all = Uint32Array.from(ids);
  const out = Array.from({ length: count }, (_, k) => all.slice(k * window, (k + 1) * window));
  const warning =
    count < windows
      ? `${name} gives ${counted(count, 'window')} of ${window} tokens, ${windows} were asked for.`
      : null;
  return { windows: out, warning };
}

/** `samples` windows whose starts are drawn uniformly from 0..length-window by stream 'calibration' of `seed`. */
export function calibrationWindows(
  name: string,
  ids: ArrayLike<number>,
  window: number,
  samples: number,
  seed: number,
): Uint32Array[] {
  requireOneWindow(name, ids.length, window);
  const rng = new Rng(seed, 'calibration');
  const all = Uint32Array.from(ids);
  return Array.from({ length: samples }, () => {
    const start = rng.below(ids.length - window + 1);
    return all.slice(start, start + window);
  });
}

/** Documents longer than a window that are read for each sample: the draw among them then hardly ever repeats one. */
const DOCUMENTS_PER_SAMPLE = 4;
/** Where even these hold too few long ones, the draw is among those that there are. */
const MAX_DOCUMENTS = 20_000;

/**
 * The documents, in order, that a draw of `samples` windows is made among: those of more than `window` tokens, until
 * there are 4 for each sample. (Drawing any document of a corpus and again while it is too short, as the papers do, is
 * a uniform draw among the long ones; reading a corpus to its end for it is not for a page.)
 */
export async function longDocuments(
  name: string,
  documents: AsyncIterable<string>,
  encode: (text: string) => Promise<ArrayLike<number>>,
  window: number,
  samples: number,
): Promise<Uint32Array[]> {
  const found: Uint32Array[] = [];
  let read = 0;
  for await (const text of documents) {
    read++;
    // A token has at least a byte, a character at most three: shorter ones need not be tokenised.
    if (3 * text.length >= window) {
      const ids = await encode(text);
      if (ids.length > window) found.push(Uint32Array.from(ids));
    }
    if (found.length >= DOCUMENTS_PER_SAMPLE * samples || read >= MAX_DOCUMENTS) break;
  }
  if (found.length === 0) {
    throw new LabError(
      'TextError',
      `${name}: none of the first ${read} documents has more than ${window} tokens.`,
      'Use a smaller window.',
    );
  }
  return found;
}

/** `samples` windows: a document drawn uniformly, then a start from 0..length-window-1 (docs/methods.md, calibration). */
export function documentWindows(
  documents: readonly Uint32Array[],
  window: number,
  samples: number,
  seed: number,
): Uint32Array[] {
  const rng = new Rng(seed, 'calibration');
  return Array.from({ length: samples }, () => {
    const ids = documents[rng.below(documents.length)] as Uint32Array;
    const start = rng.below(ids.length - window);
    return ids.slice(start, start + window);
  });
}

function requireOneWindow(name: string, length: number, window: number): void {
  if (window < 2)
    throw new LabError('TextError', `A window of ${window} tokens; a prediction needs at least two.`);
  if (length < window) {
    throw new LabError(
      'TextError',
      `${name} has ${length} tokens, fewer than one window of ${window}.`,
      'Give a longer text or a smaller window.',
    );
  }
}

/** SHA-256 of the ids as little-endian u32, windows in order. */
export async function idsSha256(windows: readonly ArrayLike<number>[]): Promise<string> {
  const total = windows.reduce((sum, w) => sum + w.length, 0);
  const bytes = new Uint8Array(total * 4);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const window of windows) {
    for (let i = 0; i < window.length; i++, at += 4) view.setUint32(at, window[i] as number, true);
  }
  return sha256Hex(bytes);
}
