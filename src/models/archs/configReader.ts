import { LabError } from '../../core/errors';

/** Typed access to an untrusted config.json: every field is checked where it is read. */
export class ConfigReader {
  readonly #config: Record<string, unknown>;
  readonly #where: string;

  constructor(config: Record<string, unknown>, where = 'config.json') {
    this.#config = config;
    this.#where = where;
  }

  has(name: string): boolean {
    return (
      Object.hasOwn(this.#config, name) && this.#config[name] !== null && this.#config[name] !== undefined
    );
  }

  /** True also when the field is there and null. */
  mentions(name: string): boolean {
    return Object.hasOwn(this.#config, name);
  }

  /** A whole number in [min, max]; the default where the field is absent. */
  integer(name: string, fallback: number | undefined, max: number, min = 1): number {
    const value = this.number(name, fallback);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new LabError(
        'FormatError',
        `${this.#where}: ${name} must be a whole number from ${min} to ${max}, not ${String(value)}.`,
      );
    }
    return value;
  }

  number(name: string, fallback: number | undefined): number {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (value === undefined) throw new LabError('FormatError', `${this.#where}: ${name} is missing.`);
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new LabError(
        'FormatError',
        `${this.#where}: ${name} must be a finite number, not ${JSON.stringify(value).slice(0, 60)}.`,
      );
    }
    return value;
  }

  /** A number above 0; required without a default. */
  positive(name: string, fallback?: number): number {
    const value = this.number(name, fallback);
    if (!(value > 0))
      throw new LabError('FormatError', `${this.#where}: ${name} must be above 0, not ${value}.`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (typeof value !== 'boolean')
      throw new LabError('FormatError', `${this.#where}: ${name} must be true or false.`);
    return value;
  }

  string(name: string, fallback: string): string {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (typeof value !== 'string')
      throw new LabError('FormatError', `${this.#where}: ${name} must be a string.`);
    return value.slice(0, 200);
  }

  object(name: string): ConfigReader | null {
    if (!this.has(name)) return null;
    const value = this.#config[name];
    if (typeof value !== 'object' || Array.isArray(value))
      throw new LabError('FormatError', `${this.#where}: ${name} must be an object.`);
    return new ConfigReader(value as Record<string, unknown>, `${this.#where}: ${name}`);
  }

  /** A list of `length` entries that `check` accepts, or null where the field is absent. */
  list<T>(name: string, length: number, check: (value: unknown) => value is T, what: string): T[] | null {
    if (!this.has(name)) return null;
    const value = this.#config[name];
    if (!Array.isArray(value) || value.length !== length || !value.every(check))
      throw new LabError('FormatError', `${this.#where}: ${name} must be a list of ${length} ${what}.`);
    return value;
  }

  /** Refuses a setting that the lab cannot follow. */
  mustBe(name: string, allowed: boolean | number | string, remedy?: string): void {
    if (!this.has(name) || this.#config[name] === allowed) return;
    throw new LabError(
      'ModelError',
      `${this.#where}: ${name} = ${JSON.stringify(this.#config[name]).slice(0, 60)} is not supported; ${JSON.stringify(allowed)} is.`,
      remedy ?? 'Choose another model.',
    );
  }

  /** First entry of a list of strings, or undefined. */
  firstString(name: string): string | undefined {
    const value = this.#config[name];
    const first: unknown = Array.isArray(value) ? value[0] : undefined;
    return typeof first === 'string' ? first.slice(0, 200) : undefined;
  }
}
