/**
 * Checks an exported folder against its pruning.json: file and tensor hashes, shapes, zeros of every matrix, K:M
 * groups, masks. A second pair of eyes: it shares no code with the readers and writers of this folder, so a fault
 * there cannot hide here.
 */
import { MIXED_PATTERN } from '../core/spec';
import { LabError } from '../core/errors';
import { openFileHash, type FileDigests } from './fileHash';
import { archiveConfigFaults, unpackMatrix, type ArchiveRecord, type PackedTensor } from './verifyArchive';
import { BlockZeroCounter, ZeroCounter } from './verifyCounters';
import { ggufEntries } from './verifyGguf';
import { BlockReader } from './verifyReader';
import { smallerFaults } from './verifySmaller';

/** What was written, opened anew. */
export interface ExportedFolder {
  list(): Promise<string[]>;
  size(path: string): Promise<number>;
  /** In memory of their own. */
  read(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

export interface Verification {
  ok: boolean;
  checked: { files: number; tensors: number; matrices: number; groups: number; bytes: number };
  /** One line for each thing that does not hold, the first hundred. */
  differences: string[];
}

export interface VerifyOptions {
  onProgress?(doneBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

const CHUNK = 4 << 20;
const MAX_RECORD = 64 << 20;
const MAX_HEADER = 100_000_000;
const MAX_DIFFERENCES = 100;
/** Bytes of an element of what holds no weights. */
const OTHER_WIDTHS: Record<string, number> = { U8: 1, I64: 8 };
/** Bytes of a weight; blocks of Q8_0 are read byte by byte. */
const WIDTHS: Record<string, number> = { F32: 4, F16: 2, BF16: 2, Q8_0: 1 };

/** FormatError when there is nothing to verify: no pruning.json, or one that is not a report with hashes. */
export async function verifyExport(
  folder: ExportedFolder,
  options: VerifyOptions = {},
): Promise<Verification> {
  const paths = new Set(await folder.list());
  const record = await readRecord(folder, paths);
  const check = new Check(folder, record, options);
  const names = Object.keys(record.files);
  for (const name of names) {
    if (paths.has(name)) check.totalBytes += await folder.size(name);
    else check.differ(`${name}: missing`);
  }
  for (const path of paths) {
    if (/\.(safetensors|bin|pt|pth|gguf)$/.test(path) && !names.includes(path)) {
      check.differ(`${path}: weights that pruning.json does not list`);
    }
  }
  const present = names.filter((name) => paths.has(name));
  // Masks first: the weights are compared with them while they are read.
  for (const name of present.filter((n) => n === 'masks.safetensors')) await check.masks(name);
  for (const name of present.filter((n) => n !== 'masks.safetensors')) {
    if (/\.(safetensors|gguf)$/.test(name)) await check.weights(name);
    else await check.plain(name);
  }
  if (record.archive) await check.archive(record.archive);
  if (record.structured)
    for (const line of await smallerFaults(folder, record.structured)) check.differ(line);
  check.sums();
  return check.result();
}

interface ExportRecord {
  files: Record<string, string>;
  tensors: Record<string, string>;
  shapes: Record<string, unknown>;
  /** Matrices stored as [inputs, outputs]. */
  transposed: Set<unknown>;
  /** From names in a GGUF file to names of the report. */
  reportNames: Map<string, string>;
  matrices: Record<string, { zeros: number; count: number }>;
  /** Prunable weights of the model, null when the report does not say. */
  prunable: number | null;
  achieved: number | null;
  layers: number[] | null;
  pattern: { keep: number; group: number } | null;
  /** Kept of every 8 by matrix, where the pattern is mixed:8. */
  keeps: Map<string, number>;
  archive: ArchiveRecord | null;
  /** Of a smaller model: what it lost. */
  structured: Record<string, unknown> | null;
}

function objectAt(value: unknown, key: string): Record<string, unknown> | null {
  const inner =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    ? (inner as Record<string, unknown>)
    : null;
}

async function readRecord(folder: ExportedFolder, paths: Set<string>): Promise<ExportRecord> {
  const nothing = (why: string): LabError =>
    new LabError(
      'FormatError',
      `Nothing to verify: ${why}.`,
      'Give a folder that "prunelab prune --out" has written.',
    );
  if (!paths.has('pruning.json')) throw nothing('no pruning.json in the folder');
  const size = await folder.size('pruning.json');
  if (size > MAX_RECORD) throw nothing(`pruning.json has ${size} bytes, more than ${MAX_RECORD}`);
  let value: unknown;
  try {
    value = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(await folder.read('pruning.json', 0, size)),
    );
  } catch {
    throw nothing('pruning.json is not JSON');
  }
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  if (schema !== 'prunelab.run/1') throw nothing('pruning.json is not a report of the schema prunelab.run/1');
  const files = objectAt(value, 'files');
  const tensors = objectAt(value, 'tensors');
  if (!files || !tensors || Object.keys(files).length === 0) throw nothing('pruning.json lists no files');
  const sparsity = objectAt(value, 'sparsity');
  const matrices = objectAt(sparsity, 'matrices') ?? {};
  for (const counts of Object.values(matrices)) {
    const c = counts as { zeros?: unknown; count?: unknown } | null;
    if (typeof c?.zeros !== 'number' || typeof c.count !== 'number')
      throw nothing('its sparsity has no counts');
  }
  const prunable = objectAt(value, 'model')?.prunable;
  const archive = objectAt(value, 'archive');
  const turned = (value as { transposed?: unknown }).transposed;
  const asked = objectAt(value, 'spec')?.pattern;
  const pattern = typeof asked === 'string' ? /^(\d+):(\d+)$/.exec(asked) : null;
  return {
    files: files as Record<string, string>,
    tensors: tensors as Record<string, string>,
    shapes: objectAt(value, 'shapes') ?? {},
    transposed: new Set<unknown>(Array.isArray(turned) ? turned : []),
    reportNames: new Map(
      Object.entries(objectAt(value, 'names') ?? {}).map(([report, file]) => [String(file), report]),
    ),
    matrices: matrices as ExportRecord['matrices'],
    prunable: typeof prunable === 'number' ? prunable : null,
    achieved: typeof sparsity?.achieved === 'number' ? sparsity.achieved : null,
    layers: Array.isArray(sparsity?.layers) ? (sparsity.layers as number[]) : null,
    pattern: pattern ? { keep: Number(pattern[1]), group: Number(pattern[2]) } : null,
    keeps: new Map(
      asked === MIXED_PATTERN
        ? Object.entries(objectAt(objectAt(value, 'allocation'), 'matrices') ?? {}).map(([name, rate]) => [
            name,
            Math.round(8 * (1 - Number(rate))),
          ])
        : [],
    ),
    archive: archive && { format: String(archive.format), dense: objectAt(archive, 'dense') ?? {} },
    structured: objectAt(value, 'structured'),
  };
}

interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** Looks at one tensor. */
interface TensorVisitor {
  bytes(bytes: Uint8Array): void;
  /** After the last of them. */
  end(): void;
  /** After the last byte of the file. */
  hashed(sha256: string): void;
}

class Check {
  totalBytes = 0;
  #doneBytes = 0;
  readonly #folder: ExportedFolder;
  readonly #record: ExportRecord;
  readonly #options: VerifyOptions;
  readonly #differences: string[] = [];
  readonly #seen = new Set<string>();
  readonly #found = new Map<string, { zeros: number; count: number }>();
  /** Where the tensors of an archive stand. */
  readonly #packed = new Map<string, PackedTensor>();
  readonly #masks = new Map<string, Uint8Array>();
  readonly #checked = { files: 0, tensors: 0, matrices: 0, groups: 0, bytes: 0 };

  constructor(folder: ExportedFolder, record: ExportRecord, options: VerifyOptions) {
    this.#folder = folder;
    this.#record = record;
    this.#options = options;
  }

  differ(line: string): void {
    if (this.#differences.length < MAX_DIFFERENCES) this.#differences.push(line);
  }

  result(): Verification {
    return {
      ok: this.#differences.length === 0,
      checked: { ...this.#checked },
      differences: this.#differences,
    };
  }

  /** Hash of a whole file. */
  async plain(path: string): Promise<void> {
    const size = await this.#folder.size(path);
    const { file } = await this.#hashed(path, size, [], (reader) => this.#stream(reader, 0, size));
    this.#compareFile(path, file);
  }

  async masks(path: string): Promise<void> {
    await this.#tensors(path, (entry) => {
      const bits = new Uint8Array(entry.end - entry.begin);
      let at = 0;
      return {
        bytes: (bytes) => {
          bits.set(bytes, at);
          at += bytes.byteLength;
        },
        end: () => void this.#masks.set(entry.name, bits),
        hashed: () => undefined,
      };
    });
  }

  async weights(path: string): Promise<void> {
    await this.#tensors(path, (entry) => {
      if (this.#seen.has(entry.name)) this.differ(`${entry.name}: in two files`);
      this.#seen.add(entry.name);
      this.#checked.tensors++;
      this.#compareShape(entry);
      if (this.#record.archive) this.#packed.set(entry.name, { ...entry, path });
      const reportName = this.#record.reportNames.get(entry.name) ?? entry.name;
      const expected = this.#own(this.#record.matrices, reportName);
      const counter = expected ? this.#counter(entry) : null;
      return {
        bytes: (bytes) => counter?.add(bytes),
        end: () => {
          if (expected && counter) this.#compareCounts(reportName, expected, counter);
        },
        hashed: (sha256) => {
          const want = this.#own(this.#record.tensors, entry.name);
          if (want === undefined) this.differ(`${entry.name}: not listed in pruning.json`);
          else if (want !== sha256) this.differ(`${entry.name}: its bytes differ (SHA-256)`);
        },
      };
    });
  }

  /** Unpacks every matrix and counts in what comes out. */
  async archive(archive: ArchiveRecord): Promise<void> {
    for (const name of Object.keys(this.#record.matrices)) {
      if (this.#options.signal?.aborted) throw new LabError('CancelledError', 'Cancelled.');
      const found = await unpackMatrix(this.#folder, this.#packed, archive.format, name);
      if (typeof found === 'string') {
        this.differ(found);
        continue;
      }
      const { dense, dtype, shape, sha256 } = found;
      if (this.#own(archive.dense, name) !== sha256)
        this.differ(`${name}: its unpacked bytes differ (SHA-256)`);
      const counter = this.#counter({ name, dtype, shape, begin: 0, end: dense.byteLength });
      counter?.add(dense);
      const said = this.#own(this.#record.matrices, name);
      if (said && counter) this.#compareCounts(name, said, counter);
    }
    for (const line of await archiveConfigFaults(this.#folder, archive, this.#record.achieved))
      this.differ(line);
  }

  /** Totals over all matrices, and what was listed but never met. */
  sums(): void {
    for (const name of Object.keys(this.#record.tensors))
      if (!this.#seen.has(name)) this.differ(`${name}: missing`);
    for (const name of Object.keys(this.#record.matrices))
      if (!this.#found.has(name)) this.differ(`${name}: zeros not found`);
    const share = (entries: { zeros: number; count: number }[]): number => {
      const count = entries.reduce((sum, e) => sum + e.count, 0);
      return count === 0 ? 0 : entries.reduce((sum, e) => sum + e.zeros, 0) / count;
    };
    const { achieved, layers, prunable } = this.#record;
    const counted = Object.values(this.#record.matrices).reduce((sum, m) => sum + m.count, 0);
    if (prunable !== null && counted !== prunable) {
      this.differ(
        `sparsity: the matrices listed have ${counted} weights, the model has ${prunable} to prune`,
      );
    }
    const total = share([...this.#found.values()]);
    if (achieved !== null && Math.abs(achieved - total) > 1e-12) {
      this.differ(`sparsity: ${total} of the weights are zero, the report says ${achieved}`);
    }
    const byLayer = new Map<number, { zeros: number; count: number }[]>();
    for (const [name, counts] of this.#found) {
      const layer = Number(/\.(?:layers|h|blocks)\.(\d+)\./.exec(name)?.[1] ?? NaN);
      byLayer.set(layer, [...(byLayer.get(layer) ?? []), counts]);
    }
    // Names without a layer number leave nothing to compare.
    if (byLayer.has(NaN)) return;
    layers?.forEach((said, i) => {
      const found = share(byLayer.get(i) ?? []);
      if (Math.abs(said - found) > 1e-12)
        this.differ(`layer ${i}: ${found} of the weights are zero, the report says ${said}`);
    });
  }

  #own<T>(record: Record<string, T>, key: string): T | undefined {
    return Object.hasOwn(record, key) ? record[key] : undefined;
  }

  #compareFile(path: string, found: string): void {
    this.#checked.files++;
    if (this.#record.files[path] !== found) this.differ(`${path}: its bytes differ (SHA-256)`);
  }

  #compareShape(entry: Entry): void {
    const said = this.#own(this.#record.shapes, entry.name);
    const dims = Array.isArray(said) ? (said as unknown[]) : null;
    if (
      said !== undefined &&
      !(dims?.length === entry.shape.length && dims.every((n, i) => n === entry.shape[i]))
    ) {
      this.differ(
        `${entry.name}: shape [${entry.shape.join(', ')}], the report says ${dims?.every(Number.isInteger) ? `[${dims.slice(0, 8).join(', ')}]` : 'no shape'}`,
      );
    }
  }

  #compareCounts(name: string, said: { zeros: number; count: number }, found: ZeroCounter): void {
    this.#checked.matrices++;
    this.#checked.groups += found.groups;
    // What a smaller model has lost counted as zero when it was measured.
    const gone = this.#record.structured ? Math.max(0, said.count - found.count) : 0;
    const [zeros, count] = [found.zeros + gone, found.count + gone];
    this.#found.set(name, { zeros, count });
    if (count !== said.count) this.differ(`${name}: ${count} weights, the report says ${said.count}`);
    if (zeros !== said.zeros) this.differ(`${name}: ${zeros} zeros, the report says ${said.zeros}`);
    if (found.fullGroups > 0)
      this.differ(`${name}: ${found.fullGroups} groups keep more than the pattern allows`);
    if (found.unmasked > 0)
      this.differ(`${name}: ${found.unmasked} weights that the mask removes are not zero`);
  }

  #counter(entry: Entry): ZeroCounter | null {
    const width = this.#own(WIDTHS, entry.dtype);
    const turned =
      this.#record.transposed.has(entry.name) && entry.shape.length === 2 && entry.end > entry.begin;
    const inputs = entry.shape.at(turned ? 0 : -1) ?? 0;
    if (width === undefined) {
      this.differ(`${entry.name}: type ${entry.dtype}, whose zeros cannot be counted`);
      return null;
    }
    const keep = this.#record.keeps.get(this.#record.reportNames.get(entry.name) ?? entry.name);
    const pattern = keep === undefined ? this.#record.pattern : { keep, group: 8 };
    if (pattern && inputs % pattern.group !== 0)
      this.differ(`${entry.name}: ${inputs} inputs are not whole groups`);
    const mask = this.#masks.get(entry.name) ?? null;
    return entry.dtype === 'Q8_0'
      ? new BlockZeroCounter(width, pattern, mask)
      : new ZeroCounter(width, pattern, mask, turned ? entry.shape.at(-1) : 1);
  }

  /** Reads a safetensors file front to back once, with the hash of the file and of each tensor. */
  async #tensors(path: string, open: (entry: Entry) => TensorVisitor): Promise<void> {
    const size = await this.#folder.size(path);
    const entries =
      (path.endsWith('.gguf') ? await this.#gguf(path, size) : await this.#header(path, size)) ?? [];
    const visitors: TensorVisitor[] = [];
    const { file, ranges } = await this.#hashed(path, size, entries, async (reader) => {
      let at = 0;
      for (const entry of entries) {
        await this.#stream(reader, at, entry.begin);
        at = entry.end;
        const visitor = open(entry);
        visitors.push(visitor);
        await this.#stream(reader, entry.begin, entry.end, visitor.bytes);
        visitor.end();
      }
      await this.#stream(reader, at, size);
    });
    visitors.forEach((visitor, i) => visitor.hashed(ranges[i] ?? ''));
    this.#compareFile(path, file);
  }

  /** Hashes what `read` reads, all of the file. */
  async #hashed(
    path: string,
    size: number,
    ranges: readonly { begin: number; end: number }[],
    read: (reader: BlockReader) => Promise<void>,
  ): Promise<FileDigests> {
    const hash = await openFileHash(size);
    for (const { begin, end } of ranges) hash.range(begin, end);
    const reader = new BlockReader(this.#folder, path, size, (block) => hash.give(block));
    await read(reader);
    await reader.finish();
    return hash.finish();
  }

  async #gguf(path: string, size: number): Promise<Entry[] | null> {
    try {
      return await ggufEntries(size, (begin, end) => this.#folder.read(path, begin, end));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.differ(`${path}: ${error.message}`);
      return null;
    }
  }

  /** Tensors in file order with absolute offsets; null, and a difference, when the file is not well-formed. */
  async #header(path: string, size: number): Promise<Entry[] | null> {
    const fail = (why: string): null => {
      this.differ(`${path}: ${why}`);
      return null;
    };
    if (size < 8) return fail('too short');
    const prefix = await this.#folder.read(path, 0, 8);
    let length = 0;
    for (let i = 7; i >= 0; i--) length = length * 256 + (prefix[i] ?? 0);
    if (length > MAX_HEADER || 8 + length > size) return fail('the header does not fit the file');
    let header: unknown;
    try {
      header = JSON.parse(new TextDecoder().decode(await this.#folder.read(path, 8, 8 + length)));
    } catch {
      return fail('the header is not JSON');
    }
    if (typeof header !== 'object' || header === null) return fail('the header is not an object');
    const entries: Entry[] = [];
    for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
      if (name === '__metadata__') continue;
      const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
      const whole = (list: unknown): list is number[] =>
        Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
      if (typeof dtype !== 'string' || !whole(shape) || !whole(offsets) || offsets.length !== 2)
        return fail(`${name}: not a tensor`);
      const [begin = 0, end = 0] = offsets.map((offset) => 8 + length + offset);
      const width = this.#own(WIDTHS, dtype) ?? this.#own(OTHER_WIDTHS, dtype);
      if (width !== undefined && shape.reduce((a, b) => a * b, width) !== end - begin)
        return fail(`${name}: bytes do not fit the shape`);
      entries.push({ name, dtype, shape, begin, end });
    }
    entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
    let at = 8 + length;
    for (const entry of entries) {
      if (entry.begin !== at || entry.end < entry.begin)
        return fail(`${entry.name}: overlap or hole at byte ${entry.begin}`);
      at = entry.end;
    }
    return at === size ? entries : fail(`the tensors end at byte ${at} of ${size}`);
  }

  async #stream(
    reader: BlockReader,
    begin: number,
    end: number,
    use?: (bytes: Uint8Array) => void,
  ): Promise<void> {
    for (let at = begin; at < end; at += CHUNK) {
      if (this.#options.signal?.aborted) throw new LabError('CancelledError', 'Cancelled.');
      const bytes = await reader.read(at, Math.min(end, at + CHUNK));
      use?.(bytes);
      this.#doneBytes += bytes.byteLength;
      this.#checked.bytes += bytes.byteLength;
      this.#options.onProgress?.(this.#doneBytes, this.totalBytes);
    }
  }
}
