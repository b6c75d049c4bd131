/** The three texts of an experiment as token windows: bundled slices, or the user's files. */
import { BUNDLED_TEXT } from '../core/bundledText';
import { isCancelled, LabError, throwIfAborted } from '../core/errors';
import type { TextRecord } from '../core/report';
import type { LabSpec, TextName } from '../core/spec';
import {
  calibrationWindows,
  checkIds,
  checkWindowLength,
  decodeText,
  documentWindows,
  evaluationWindows,
  idsSha256,
  longDocuments,
  parseWindowsJson,
} from '../formats/texts';
import { isHubText, parseHubText } from '../formats/hubId';
import type { HubText } from '../formats/hubTexts';
import type { OpenedModel } from '../formats/hfModel';
import type { TokenizerHandle } from '../formats/tokenizer';
import { packWindows, type Windows } from '../models/windows';
import type { LabHost, TextIo } from './host';

/** A text file of the user's own. */
export interface UserText {
  name: string;
  bytes: Uint8Array;
}

export interface ResolvedText {
  windows: Windows;
  record: TextRecord;
  warning: string | null;
}

/** Windows where nothing else is said: they fit every model and keep the first minute a minute. */
const DEFAULT_WINDOW = 256;

export function windowLength(spec: LabSpec, context: number): number {
  if (spec.window === null) return Math.min(DEFAULT_WINDOW, context);
  checkWindowLength(spec.window, context);
  return spec.window;
}

/** Tokenises once per model and text; resolving the same spec again costs nothing. */
export class TextStore {
  readonly #host: LabHost;
  readonly #model: OpenedModel;
  readonly #limits: { vocabulary: number; context: number };
  readonly #user = new Map<TextName, UserText>();
  readonly #ids = new Map<string, Promise<number[]>>();
  readonly #resolved = new Map<string, Promise<ResolvedText>>();
  readonly #hub = new Map<string, Promise<HubText>>();
  readonly #pools = new Map<string, Promise<Uint32Array[]>>();
  #tokenizer: Promise<TokenizerHandle> | undefined;

  constructor(
    host: LabHost,
    model: OpenedModel,
    limits: { vocabulary: number; context: number },
    user: ReadonlyMap<TextName, UserText>,
  ) {
    this.#host = host;
    this.#model = model;
    this.#limits = limits;
    for (const [which, text] of user) this.#user.set(which, text);
  }

  setUserText(which: TextName, text: UserText | null): void {
    if (text) this.#user.set(which, text);
    else this.#user.delete(which);
    for (const key of [...this.#ids.keys()]) if (key.startsWith(`${which}|user`)) this.#ids.delete(key);
    for (const key of [...this.#resolved.keys()]) if (key.startsWith(`${which}|`)) this.#resolved.delete(key);
  }

  async tokenizer(): Promise<TokenizerHandle> {
    this.#tokenizer ??= this.#open();
    try {
      return await this.#tokenizer;
    } catch (error) {
      this.#tokenizer = undefined;
      throw error;
    }
  }

  /** `io` matters where the text has to be fetched first. */
  resolve(spec: LabSpec, which: TextName, io: TextIo = {}): Promise<ResolvedText> {
    const key = `${which}|${JSON.stringify([spec.texts[which], spec.samples, spec.window, spec.windows, spec.seed])}`;
    let found = this.#resolved.get(key);
    if (!found) {
      found = this.#resolve(spec, which, io);
      this.#resolved.set(key, found);
      found.catch(() => this.#resolved.delete(key));
    }
    // A text may be awaited by two jobs; the end of the one that began it is not the end of the other.
    return found.catch((error: unknown) => {
      if (isCancelled(error) && !io.signal?.aborted) return this.resolve(spec, which, io);
      throw error;
    });
  }

  close(): void {
    this.#tokenizer?.then((t) => t.close()).catch(() => undefined);
    this.#tokenizer = undefined;
  }

  async #open(): Promise<TokenizerHandle> {
    const [json, config] = await Promise.all([this.#model.tokenizerJson(), this.#model.tokenizerConfig()]);
    return this.#host.tokenizer({ name: this.#model.name, json, config });
  }

  async #resolve(spec: LabSpec, which: TextName, io: TextIo): Promise<ResolvedText> {
    const source = spec.texts[which];
    if (isHubText(source)) return this.#resolveHub(spec, which, source, io);
    const user = source === 'bundled' ? undefined : this.#user.get(which);
    if (source !== 'bundled' && user?.name !== source) {
      throw new LabError(
        'TextError',
        `The ${which} text "${source.slice(0, 120)}" was not given.`,
        'Give the file again, or use the bundled text.',
      );
    }
    let windows: Uint32Array[];
    let warning: string | null = null;
    if (user && /\.json$/i.test(user.name)) {
      windows = parseWindowsJson(user.name, decodeText(user.name, user.bytes), this.#limits);
    } else {
      const name = user ? user.name : `The bundled text (${which})`;
      const ids = await this.#tokens(which, user);
      checkIds(name, ids, this.#limits.vocabulary);
      const window = windowLength(spec, this.#limits.context);
      if (which === 'calibration') windows = calibrationWindows(name, ids, window, spec.samples, spec.seed);
      else ({ windows, warning } = evaluationWindows(name, ids, window, spec.windows));
    }
    const packed = packWindows(windows);
    const record: TextRecord = {
      source: user ? user.name : `bundled:${BUNDLED_TEXT.name}`,
      sha256: await idsSha256(windows),
      windows: windows.length,
      window: Math.max(...packed.lengths),
      tokens: packed.tokens,
    };
    return { windows: packed, record, warning };
  }

  /** Once fetched and tokenised, a text serves every window length and seed. */
  async #resolveHub(spec: LabSpec, which: TextName, name: string, io: TextIo): Promise<ResolvedText> {
    parseHubText(name);
    const window = windowLength(spec, this.#limits.context);
    const hub = await this.#remember(this.#hub, name, () => this.#openHub(name, io));
    let windows: Uint32Array[];
    let warning: string | null = null;
    if (hub.documents) {
      if (which !== 'calibration') {
        throw new LabError(
          'TextError',
          `${name} is a corpus to draw calibration samples from.`,
          `Use hf:c4/validation or hf:wikitext-2/${which === 'select' ? 'validation' : 'test'} for the ${which} text.`,
        );
      }
      const { documents } = hub;
      const pool = await this.#remember(this.#pools, `${name}|${window}|${spec.samples}`, async () => {
        const tokenizer = await this.tokenizer();
        const encode = (text: string): Promise<ArrayLike<number>> => {
          throwIfAborted(io.signal);
          return tokenizer.encode(text);
        };
        return longDocuments(name, documents(), encode, window, spec.samples);
      });
      for (const ids of pool) checkIds(name, ids, this.#limits.vocabulary);
      windows = documentWindows(pool, window, spec.samples, spec.seed);
    } else {
      const ids = await this.#remember(this.#ids, `hub|${name}`, async () =>
        (await this.tokenizer()).encode(hub.text ?? ''),
      );
      checkIds(name, ids, this.#limits.vocabulary);
      if (which === 'calibration') windows = calibrationWindows(name, ids, window, spec.samples, spec.seed);
      else ({ windows, warning } = evaluationWindows(name, ids, window, spec.windows));
    }
    const packed = packWindows(windows);
    const record: TextRecord = {
      source: hub.source,
      sha256: await idsSha256(windows),
      windows: windows.length,
      window: Math.max(...packed.lengths),
      tokens: packed.tokens,
    };
    return { windows: packed, record, warning };
  }

  #openHub(name: string, io: TextIo): Promise<HubText> {
    if (this.#host.hubText) return this.#host.hubText(name, io);
    throw new LabError('TextError', `${name}: there is no way to the Hub here.`, 'Give the text as a file.');
  }

  /** What was made before, or made now; a failure is not remembered. */
  #remember<T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
    let found = kept.get(key);
    if (!found) {
      found = make();
      kept.set(key, found);
      found.catch(() => kept.delete(key));
    }
    return found;
  }

  #tokens(which: TextName, user: UserText | undefined): Promise<number[]> {
    const key = user ? `${which}|user` : `bundled|${which}`;
    let ids = this.#ids.get(key);
    if (!ids) {
      ids = this.#encode(which, user);
      this.#ids.set(key, ids);
      ids.catch(() => this.#ids.delete(key));
    }
    return ids;
  }

  async #encode(which: TextName, user: UserText | undefined): Promise<number[]> {
    const tokenizer = await this.tokenizer();
    if (user) return tokenizer.encode(decodeText(user.name, user.bytes));
    const [begin, end] = BUNDLED_TEXT.slices[which];
    const bytes = await this.#host.bundledText();
    return tokenizer.encode(decodeText('The bundled text', bytes.subarray(begin, end)));
  }
}
