/** Archives written without a GPU, and read back by a reader that shares no code with the writer. */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import { defaultSpec } from '../core/spec';
import { memorySink } from '../testing/memoryFolder';
import { METHODS } from '../testing/methodTexts';
import { archiveObstacle, checkArchive, type ArchiveFormat } from './archive';
import { pack24, packBitmask } from './archiveBits';
import { exportFolder } from './exportFolder';
import { openModel, type OpenedModel } from './hfModel';
import { nodeFiles } from './nodeFiles.node';
import type { ModelFiles } from './source';
import { verifyExport, type Verification } from './verifyExport';

const RE_MATRIX = /(layers|h)\.\d+\.(mlp|self_attn|attn)\.\w+\.weight$/;
const isMatrix = (name: string, shape: readonly number[]): boolean =>
  shape.length === 2 && RE_MATRIX.test(name);
const widthOf = (dtype: string): number => (dtype === 'F32' ? 4 : 2);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

/** Safetensors from the bytes alone. */
function read(files: Map<string, Uint8Array>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [path, data] of files) {
    if (!/^model.*\.safetensors$/.test(path)) continue;
    const file = Buffer.from(data);
    const start = 8 + Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      const [begin, end] = data_offsets;
      expect((start + begin) % (dtype === 'I64' ? 8 : dtype === 'U8' ? 1 : widthOf(dtype)), name).toBe(0);
      tensors.set(name, { dtype, shape, bytes: file.subarray(start + begin, start + end) });
    }
  }
  return tensors;
}

/** The dense matrix that the four (or three) tensors of `stem` stand for. */
function unpacked(tensors: Map<string, Tensor>, stem: string): Tensor {
  const part = (as: string): Tensor => {
    const found = tensors.get(`${stem}.${as}`);
    if (!found) throw new Error(`no ${stem}.${as}`);
    return found;
  };
  const rows = Number(part('shape').bytes.readBigInt64LE(0));
  const cols = Number(part('shape').bytes.readBigInt64LE(8));
  const { dtype, bytes: values } = part('compressed');
  const mask = part('bitmask');
  expect(mask.shape).toEqual([rows, Math.ceil(cols / 8)]);
  const width = widthOf(dtype);
  const dense = Buffer.alloc(rows * cols * width);
  let taken = 0;
  for (let row = 0; row < rows; row++) {
    const line = mask.bytes.subarray(
      (row * mask.bytes.length) / rows,
      ((row + 1) * mask.bytes.length) / rows,
    );
    const kept = [...line].flatMap((byte, b) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (2 ** bit)).map((bit) => 8 * b + bit),
    );
    if (tensors.has(`${stem}.row_offsets`))
      expect(Number(part('row_offsets').bytes.readBigInt64LE(8 * row))).toBe(taken);
    for (const col of kept) values.copy(dense, (row * cols + col) * width, taken++ * width, taken * width);
  }
  expect(taken * width).toBe(values.length);
  return { dtype, shape: [rows, cols], bytes: dense };
}

async function openFixture(name: string): Promise<OpenedModel> {
  const files = await nodeFiles(`src/testing/fixtures/${name}`);
  const own: ModelFiles = { ...files, paths: files.paths.filter(({ path }) => !RE_OTHERS.test(path)) };
  return openModel(own);
}
/** The fixtures hold expected outputs beside the weights. */
const RE_OTHERS = /^(expected|masks|norms|statistics)\.safetensors$|^pruning\.json$/;

/** Zeros as no pruner places them: 2 of 4 along the rows of the file, or a share that varies, with a whole row empty. */
async function prunedBytes(
  model: OpenedModel,
  name: string,
  fours: boolean,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const entry = model.tensors.get(name);
  if (!entry || !isMatrix(name, entry.shape)) return null;
  const bytes = await entry.source.read(entry.begin, entry.end);
  const width = widthOf(entry.dtype);
  const cols = entry.shape[1] ?? 0;
  for (let i = 0; i < bytes.length / width; i++) {
    const row = Math.floor(i / cols);
    const gone = fours ? ((i >> 2) + (i & 3)) % 4 < 2 : row === 3 || (i * 7919 + row) % 10 < 7;
    if (gone) bytes.fill(0, i * width, (i + 1) * width);
  }
  return bytes;
}

function reportOf(matrices: Record<string, { zeros: number; count: number }>, pattern: string): RunReport {
  const text = { source: 'bundled:t', sha256: '0', windows: 1, window: 8, tokens: 8 };
  const sum = (key: 'zeros' | 'count'): number => Object.values(matrices).reduce((n, m) => n + m[key], 0);
  return {
    schema: 'prunelab.run/1',
    id: 'id',
    version: '0',
    spec: { ...defaultSpec(), model: 'm', pattern, beta: 0 },
    model: { name: 'm', architecture: 'LlamaForCausalLM', layers: 2, hidden: 8, parameters: 1, prunable: sum('count'), dtype: 'F16', sha256: '0' },
    device: { vendor: '', architecture: '', description: '', software: true, features: [], backend: 'dawn-node' },
    texts: { calibration: text, select: text, report: text },
    sparsity: { requested: 0.7, achieved: sum('zeros') / sum('count'), layers: [], matrices },
    perplexity: { dense: 2, pruned: 3, text: 'report', windows: 1, window: 8 },
    timings: {},
    memory: { predictedBytes: 0, peakBytes: 0 },
    warnings: [],
  }; // prettier-ignore
}

interface Written {
  model: OpenedModel;
  files: Map<string, Uint8Array>;
  verify(): Promise<Verification>;
}

async function write(fixture: string, format: ArchiveFormat, keptOff = 0): Promise<Written> {
  const model = await openFixture(fixture);
  const fours = format === 'sparse-24-bitmask';
  const { sink, files } = memorySink();
  const kept = new Map<string, number>();
  for (const { name, dtype } of model.tensors.values()) {
    const bytes = await prunedBytes(model, name, fours);
    if (bytes) kept.set(name, nonZeros(bytes, widthOf(dtype)) + keptOff);
  }
  await exportFolder({
    model,
    sink,
    archive: { format, kept },
    changed: (name) => prunedBytes(model, name, fours),
    report: ({ matrices }) => reportOf(matrices, fours ? '2:4' : 'free'),
    methods: METHODS,
    ...(fixture === 'gpt2' ? { transposed: [...kept.keys()] } : {}),
  });
  const verify = (): Promise<Verification> =>
    verifyExport({ ...sink, list: () => Promise.resolve([...files.keys()]) });
  return { model, files, verify };
}

function nonZeros(bytes: Uint8Array, width: number): number {
  const buffer = Buffer.from(bytes);
  let count = 0;
  for (let at = 0; at < buffer.length; at += width)
    if (width === 4 ? buffer.readFloatLE(at) !== 0 : (buffer.readUInt16LE(at) & 0x7fff) !== 0) count++;
  return count;
}

/** -0 becomes +0. */
function plusZeros(bytes: Uint8Array, width: number): Buffer {
  const out = Buffer.from(bytes);
  for (let at = 0; at < out.length; at += width)
    if (nonZeros(out.subarray(at, at + width), width) === 0) out.fill(0, at, at + width);
  return out;
}

const config = (files: Map<string, Uint8Array>): Record<string, unknown> =>
  JSON.parse(Buffer.from(files.get('config.json') ?? []).toString()) as Record<string, unknown>;

describe.each([
  ['two-block', 'sparse-bitmask'],
  ['bias-bf16', 'sparse-bitmask'],
  ['sharded-f16', 'sparse-bitmask'],
  ['awkward', 'sparse-bitmask'],
  ['gpt2', 'sparse-bitmask'],
  ['two-block', 'sparse-24-bitmask'],
  ['sharded-f16', 'sparse-24-bitmask'],
] as const)('%s as %s', (fixture, format) => {
  let written: Written;
  beforeAll(async () => {
    written = await write(fixture, format);
  });

  test('every tensor comes back as it was, and the folder verifies', async () => {
    const tensors = read(written.files);
    const fours = format === 'sparse-24-bitmask';
    let names = 0;
    for (const { name, dtype, shape, source, begin, end } of written.model.tensors.values()) {
      const pruned = await prunedBytes(written.model, name, fours);
      const found = pruned ? unpacked(tensors, name.replace('.weight', '')) : tensors.get(name);
      const expected = pruned ? plusZeros(pruned, widthOf(dtype)) : await source.read(begin, end);
      expect([name, found?.dtype, found?.shape]).toEqual([name, dtype, shape]);
      expect(Buffer.compare(found?.bytes ?? Buffer.alloc(0), expected), name).toBe(0);
      names += pruned ? (fours ? 3 : 4) : 1;
    }
    expect(tensors.size).toBe(names);
    expect(await written.verify()).toMatchObject({ ok: true, differences: [] });
  });

  test('config.json gains the format and loses nothing; the record hashes what is there and what it stands for', () => {
    const { quantization_config: said, ...rest } = config(written.files);
    expect(rest).toEqual(written.model.config);
    expect(said).toMatchObject({
      quant_method: 'compressed-tensors',
      transform_config: {},
      sparsity_config: {
        format,
        targets: [fixture === 'gpt2' ? 'Conv1D' : 'Linear'],
        ignore: ['lm_head'],
        sparsity_structure: format === 'sparse-24-bitmask' ? '2:4' : 'unstructured',
      },
    });
    const record = JSON.parse(Buffer.from(written.files.get('pruning.json') ?? []).toString()) as {
      tensors: Record<string, string>;
      archive: { format: string; dense: Record<string, string> };
      sparsity: { achieved: number };
    };
    const { sparsity_config: sparse } = said as { sparsity_config: { global_sparsity: number } };
    expect(sparse.global_sparsity).toBeCloseTo(record.sparsity.achieved, 12);
    const tensors = read(written.files);
    expect(Object.keys(record.tensors).sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { bytes }] of tensors) expect(record.tensors[name], name).toBe(sha256(bytes));
    for (const [name, hash] of Object.entries(record.archive.dense))
      expect(hash, name).toBe(sha256(unpacked(tensors, name.replace('.weight', '')).bytes));
    const index = written.files.get('model.safetensors.index.json');
    expect(index !== undefined).toBe(fixture === 'sharded-f16');
    if (index) {
      const { weight_map: map, metadata } = JSON.parse(Buffer.from(index).toString()) as {
        weight_map: Record<string, string>;
        metadata: { total_size: number };
      };
      expect(Object.keys(map).sort()).toEqual([...tensors.keys()].sort());
      expect(metadata.total_size).toBe([...tensors.values()].reduce((n, { bytes }) => n + bytes.length, 0));
      expect(new Set(Object.values(map)).size).toBe(3);
    }
  });
});

test('verify sees a value, a mask bit, a row offset and a config that are not those of the record', async () => {
  const { files, model, verify } = await write('two-block', 'sparse-bitmask');
  const weights = files.get('model.safetensors') ?? new Uint8Array();
  const stem = 'model.layers.0.mlp.up_proj';
  const tensors = read(files);
  const at = (name: string): number => {
    const start = 8 + Number(Buffer.from(weights).readBigUInt64LE(0));
    const header = JSON.parse(Buffer.from(weights).toString('utf8', 8, start)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    return start + (header[name]?.data_offsets[0] ?? NaN);
  };
  expect(tensors.has(`${stem}.weight`)).toBe(false);
  const cases = [
    ['compressed', /unpacked bytes differ/],
    ['bitmask', /offset of row 1|keeps \d+ weights/],
    ['row_offsets', /offset of row 0/],
    ['shape', /bitmask has the shape/],
  ] as const;
  for (const [part, said] of cases) {
    const changed = weights.slice();
    const place = at(`${stem}.${part}`);
    changed[place] = (changed[place] ?? 0) ^ 1;
    files.set('model.safetensors', changed);
    const { ok, differences } = await verify();
    expect(ok).toBe(false);
    expect(differences.join('\n')).toMatch(said);
  }
  files.set('model.safetensors', weights);
  files.set('config.json', Buffer.from(JSON.stringify(model.config)));
  expect((await verify()).differences.join('\n')).toMatch(/the format is undefined/);
});

test('zeros that are not as many as announced are not written', async () => {
  await expect(write('two-block', 'sparse-bitmask', 1)).rejects.toThrow(/zeros were to be written/);
});

test('2:4 takes only 2:4, and not where fours run down the columns of the file', () => {
  const llama = { pattern: '2:4', architecture: 'LlamaForCausalLM' };
  expect(archiveObstacle('sparse-24-bitmask', llama)).toBeNull();
  expect(archiveObstacle('sparse-24-bitmask', { ...llama, pattern: '4:8' })).toMatch(/4:8/);
  expect(archiveObstacle('sparse-24-bitmask', { ...llama, architecture: 'GPT2LMHeadModel' })).toMatch(
    /GPT-2/,
  );
  expect(archiveObstacle('sparse-bitmask', { pattern: 'free', architecture: 'GPT2LMHeadModel' })).toBeNull();
  expect(() => checkArchive('sparse-24-bitmask', { ...llama, pattern: 'free' })).toThrow(LabError);
});

describe('one matrix by hand', () => {
  const f16 = (...words: number[]): Uint8Array => new Uint8Array(Uint16Array.from(words).buffer);
  const words = (bytes: Uint8Array): number[] => [...new Uint16Array(bytes.slice().buffer)];

  test('rows of nine columns, the second row empty', () => {
    const dense = f16(1, 0, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0);
    const packed = packBitmask(dense, 2, 3, 9);
    expect(words(packed.values)).toEqual([1, 2, 3, 4, 5]);
    expect([...packed.bitmask]).toEqual([0b10000101, 1, 0, 0, 0b10000000, 0]);
    expect([...new BigInt64Array(packed.rowOffsets.buffer)]).toEqual([0n, 4n, 4n]);
  });

  test('a group of four keeps two, the first zeros where fewer are left', () => {
    const packed = pack24(f16(0, 7, 0, 8, 0, 0, 9, 0, 0, 0, 0, 0), 2, 1, 12);
    expect(words(packed.values)).toEqual([7, 8, 0, 9, 0, 0]);
    expect([...packed.bitmask]).toEqual([0b01011010, 0b0011]);
    expect(() => pack24(f16(1, 1, 1, 0), 2, 1, 4)).toThrow(/more than two/);
    expect(() => pack24(f16(1, 1, 0, 0, 0, 0), 2, 1, 6)).toThrow(/whole groups/);
  });
});
