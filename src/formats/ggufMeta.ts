/** Typed access to the metadata of one architecture: what was asked for is noted, so that nothing is ignored. */
import { LabError } from '../core/errors';
import type { GgufFile, GgufTensor } from './gguf';
import { quoteName } from './json';

export class GgufMeta {
  readonly file: GgufFile;
  /** general.architecture. */
  readonly arch: string;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly #asked = new Set<string>();

  constructor(file: GgufFile) {
    this.file = file;
    const arch = file.metadata.get('general.architecture')?.value;
    if (typeof arch !== 'string')
      throw new LabError('FormatError', `${file.source.name}: the metadata name no general.architecture.`);
    this.arch = arch;
    this.tensors = new Map(file.tensors.map((t) => [t.name, t]));
  }

  /** A value of the architecture, without its prefix; undefined where it is absent. */
  #value(key: string): unknown {
    this.#asked.add(key);
    return this.file.metadata.get(`${this.arch}.${key}`)?.value;
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  number(key: string, fallback?: number): number {
    const value = this.#value(key) ?? fallback;
    if (value === undefined)
      throw new LabError('FormatError', `${this.file.source.name}: the metadata lack ${this.arch}.${key}.`);
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      const list = typeof value === 'object';
      const what = list
        ? 'a list (one value for each layer)'
        : `not one number but of the kind ${typeof value}`;
      throw this.refuse(`${this.arch}.${key} is ${what}`);
    }
    return shortest(value);
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.refuse(`${this.arch}.${key} is not true or false`);
    return value;
  }

  string(key: string, fallback: string): string {
    const value = this.#value(key) ?? fallback;
    return typeof value === 'string' ? value : fallback;
  }

  /** Keys of the architecture that nobody has asked for. */
  unread(): string[] {
    const prefix = `${this.arch}.`;
    return [...this.file.metadata.keys()].filter(
      (key) => key.startsWith(prefix) && !this.#asked.has(key.slice(prefix.length)),
    );
  }

  refuse(what: string, remedy = 'Use the safetensors files of the model.'): LabError {
    return new LabError('ModelError', `${this.file.source.name}: ${what}.`, remedy);
  }

  /** A number outside the architecture's prefix; undefined where it is absent. */
  general(key: string): number | undefined {
    const value = this.file.metadata.get(key)?.value;
    return typeof value === 'number' ? value : undefined;
  }

  text(key: string): string | undefined {
    const value = this.file.metadata.get(key)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  flag(key: string): boolean | undefined {
    const value = this.file.metadata.get(key)?.value;
    return typeof value === 'boolean' ? value : undefined;
  }

  /** Rows of a tensor that must be there. */
  rowsOf(name: string): number {
    const rows = this.tensors.get(name)?.shape[0];
    if (rows === undefined)
      throw new LabError('FormatError', `${this.file.source.name}: tensor ${quoteName(name)} is missing.`);
    return rows;
  }
}

/** The shortest decimal that rounds to the same f32: 1e-5 is stored as 9.999999747378752e-6. */
export function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
