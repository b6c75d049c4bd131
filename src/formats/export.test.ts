import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import { beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import { defaultSpec } from '../core/spec';
import { exportFolder, type ExportRecord, type ExportRequest } from './exportFolder';
import type { WrittenWeights } from './exportWriter';
import { openModel, type OpenedModel } from './hfModel';
import { countZeros, packMask, zeroMasked } from './masks';
import { commandText } from './modelCard';
import { nodeFiles } from './nodeFiles.node';
import { readSafetensorsHeader } from './safetensors';
import { encodeSafetensors } from './safetensorsWriter';
import type { ExportSink } from './sink';
import { memorySource } from './source';
import { verifyExport, type Verification } from './verifyExport';
import { zipStore } from './zipStore';
import { METHODS } from '../testing/methodTexts';

class MemorySink implements ExportSink {
  readonly files = new Map<string, Uint8Array>();
  readonly order: string[] = [];
  #open = new Map<string, Uint8Array[]>();
  create(path: string): Promise<void> {
    this.order.push(path);
    this.#open.set(path, []);
    return Promise.resolve();
  }
  write(path: string, bytes: Uint8Array): Promise<void> {
    this.#open.get(path)?.push(bytes.slice());
    return Promise.resolve();
  }
  close(path: string): Promise<void> {
    this.files.set(path, Buffer.concat(this.#open.get(path) ?? []));
    return Promise.resolve();
  }
  list = (): Promise<string[]> => Promise.resolve([...this.files.keys()]);
  size = (path: string): Promise<number> => Promise.resolve(this.bytes(path).byteLength);
  read = (path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> =>
    Promise.resolve(new Uint8Array(this.bytes(path).slice(begin, end)));
  abort(): Promise<void> {
    this.files.clear();
    return Promise.resolve();
  }
  bytes(path: string): Uint8Array {
    const bytes = this.files.get(path);
    if (!bytes) throw new Error(`no ${path}`);
    return bytes;
  }
  text(path: string): string {
    return new TextDecoder().decode(this.bytes(path));
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isPruned = (name: string): boolean => /layers\.\d+\.(mlp|self_attn)\..*_proj\.weight$/.test(name);
const countOf = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

/** Keeps every second input of a matrix: 1:2, half of the weights. */
function maskOf(count: number): Uint8Array {
  return new Uint8Array(Math.ceil(count / 8)).fill(0b01010101);
}

function reportOf(written: WrittenWeights, pattern = '1:2'): RunReport {
  const spec = { ...defaultSpec(), model: 'hf:owner/base', sparsity: 0.5, pattern, allocation: 'uniform' };
  const text = { source: 'bundled:moby-dick', sha256: '0', windows: 4, window: 128, tokens: 512 };
  const share = (names: string[]): number => {
    const all = names.map((n) => written.matrices[n] ?? { zeros: 0, count: 0 });
    return all.reduce((a, m) => a + m.zeros, 0) / all.reduce((a, m) => a + m.count, 0);
  };
  const names = Object.keys(written.matrices);
  const layers = [...new Set(names.map((n) => Number(/layers\.(\d+)/.exec(n)?.[1])))].sort((a, b) => a - b);
  return {
    schema: 'prunelab.run/1',
    id: 'x',
    version: '0.1.0',
    spec,
    model: {
      name: 'base',
      architecture: 'llama',
      layers: layers.length,
      hidden: 8,
      parameters: 1,
      prunable: Object.values(written.matrices).reduce((sum, m) => sum + m.count, 0),
      dtype: 'F16',
      sha256: '0',
    },
    device: {
      vendor: '',
      architecture: '',
      description: '',
      software: true,
      features: [],
      backend: 'dawn-node',
    },
    texts: { calibration: text, select: text, report: text },
    allocation: { id: 'uniform', params: {}, sparsity: layers.map(() => 0.5), betaMax: null },
    sparsity: {
      requested: 0.5,
      achieved: share(names),
      layers: layers.map((i) => share(names.filter((n) => n.includes(`layers.${i}.`)))),
      matrices: written.matrices,
    },
    perplexity: { dense: 43.9, pruned: 99.125, text: 'report', windows: 4, window: 128 },
    timings: {},
    memory: { predictedBytes: 0, peakBytes: 0 },
    warnings: [],
  };
}

function request(model: OpenedModel, sink: ExportSink, more: Partial<ExportRequest> = {}): ExportRequest {
  const pruned = [...model.tensors.values()].filter((t) => isPruned(t.name));
  return {
    model,
    sink,
    async changed(name) {
      const tensor = model.tensors.get(name);
      if (!tensor || !isPruned(name)) return null;
      const bytes = await tensor.source.read(tensor.begin, tensor.end);
      const count = countOf(tensor.shape);
      zeroMasked(bytes, bytes.byteLength / count, maskOf(count));
      return bytes;
    },
    report: (written) => reportOf(written),
    methods: METHODS,
    masks: {
      weights: pruned.map((t) => ({ name: t.name, count: countOf(t.shape) })),
      bits: (name) => Promise.resolve(maskOf(countOf(model.tensors.get(name)?.shape ?? []))),
    },
    ...more,
  };
}

async function exported(
  fixture: string,
  more: Partial<ExportRequest> = {},
): Promise<{ model: OpenedModel; sink: MemorySink }> {
  const model = await openModel(await nodeFiles(`src/testing/fixtures/${fixture}`));
  const sink = new MemorySink();
  await exportFolder(request(model, sink, more));
  return { model, sink };
}

// The fixtures hold expected outputs beside the weights, so only the model's own files are given.
async function openFixture(
  fixture: string,
  rename: (path: string) => string = (p) => p,
): Promise<OpenedModel> {
  const files = await nodeFiles(`src/testing/fixtures/${fixture}`);
  const own = files.paths.filter((f) => !/^(expected|masks|norms|pruning)\./.test(f.path));
  return openModel({ ...files, paths: own.map((f) => ({ ...f, path: rename(f.path) })) });
}

describe('writing', () => {
  test.each(['two-block', 'bias-bf16'])(
    '%s: the input’s bytes with the pruned tensors replaced',
    async (fixture) => {
      const { model, sink } = await exported(fixture);
      const source = await model.files.open('model.safetensors');
      const before = await source.read(0, source.size);
      const after = sink.bytes('model.safetensors');
      expect(after.byteLength).toBe(before.byteLength);
      const expected = before.slice();
      for (const t of model.tensors.values()) {
        if (!isPruned(t.name)) continue;
        const width = (t.end - t.begin) / countOf(t.shape);
        for (let i = 0; i < countOf(t.shape); i++)
          if (i % 2 === 1) expected.fill(0, t.begin + i * width, t.begin + (i + 1) * width);
      }
      expect(sha256(after)).toBe(sha256(expected));
      expect(sha256(after)).not.toBe(sha256(before));
    },
  );

  test('companions come along, other weights and scripts do not, pruning.json is last', async () => {
    const { sink } = await exported('two-block');
    expect(sink.order).toEqual([
      'model.safetensors',
      'config.json',
      'tokenizer.json',
      'masks.safetensors',
      'apply_masks.py',
      'README.md',
      'pruning.json',
    ]);
    const record = JSON.parse(sink.text('pruning.json')) as ExportRecord;
    expect(Object.keys(record.files).sort()).toEqual(
      [...sink.files.keys()].filter((p) => p !== 'pruning.json').sort(),
    );
    for (const [path, hash] of Object.entries(record.files)) expect(hash).toBe(sha256(sink.bytes(path)));
    expect(record).toMatchObject({ schema: 'prunelab.run/1', perplexity: { pruned: 99.125 } });
  });

  test('shards stay shards, with their index', async () => {
    const { model, sink } = await exported('sharded-f16');
    expect(sink.order.slice(0, 4)).toEqual([
      ...model.weightFiles.map((f) => f.path),
      'model.safetensors.index.json',
    ]);
    const index = await model.files.open('model.safetensors.index.json');
    expect(sink.bytes('model.safetensors.index.json')).toEqual(Buffer.from(await index.read(0, index.size)));
    expect((await verifyExport(sink)).differences).toEqual([]);
  });

  test('a weight file of another name becomes model.safetensors', async () => {
    const bytes = encodeSafetensors([
      { name: 'a', dtype: 'F32', shape: [2], bytes: new Uint8Array(8).fill(1) },
    ]);
    const config = new TextEncoder().encode('{}');
    const files = { 'config.json': config, 'mine.safetensors': bytes };
    const model = await openModel({
      name: 'm',
      paths: Object.entries(files).map(([path, b]) => ({ path, size: b.byteLength })),
      open: (path) => Promise.resolve(memorySource(path, files[path as keyof typeof files])),
    });
    const sink = new MemorySink();
    await exportFolder(request(model, sink));
    expect(sink.bytes('model.safetensors')).toEqual(Buffer.from(bytes));
  });

  test('masks are one bit a weight, readable by any safetensors reader', async () => {
    const { model, sink } = await exported('two-block');
    const { tensors } = await readSafetensorsHeader(memorySource('m', sink.bytes('masks.safetensors')));
    expect(tensors.map((t) => t.name).sort()).toEqual([...model.tensors.keys()].filter(isPruned).sort());
    for (const t of tensors)
      expect(t).toMatchObject({
        dtype: 'U8',
        shape: [Math.ceil(countOf(model.tensors.get(t.name)?.shape ?? []) / 8)],
      });
  });

  test('texts that belong to the run are listed with their hashes', async () => {
    const { sink } = await exported('two-block', {
      texts: (report) => Promise.resolve({ 'recipe.yaml': `# ${report.id}\n` }),
    });
    const record = JSON.parse(sink.text('pruning.json')) as ExportRecord;
    expect(sink.text('recipe.yaml')).toBe(`# ${record.id}\n`);
    expect(record.files['recipe.yaml']).toBe(sha256(sink.bytes('recipe.yaml')));
    expect((await verifyExport(sink)).differences).toEqual([]);
  });

  test('progress ends at the total; cancelling and failing leave nothing', async () => {
    const done: number[] = [];
    const { model } = await exported('sharded-f16', { onProgress: (bytes) => done.push(bytes) });
    expect(done.at(-1)).toBe(model.totalBytes);
    const cancel = new AbortController();
    const sink = new MemorySink();
    const running = exportFolder(
      request(model, sink, { signal: cancel.signal, onProgress: () => cancel.abort() }),
    );
    await expect(running).rejects.toMatchObject({ kind: 'CancelledError' });
    expect(sink.files.size).toBe(0);
    const wrong = exportFolder(request(model, sink, { changed: () => Promise.resolve(new Uint8Array(1)) }));
    await expect(wrong).rejects.toBeInstanceOf(LabError);
    expect(sink.files.size).toBe(0);
  });

  test('the model card', async () => {
    const { sink } = await exported('two-block');
    const card = sink.text('README.md');
    expect(card).toMatch(/^---\nbase_model: owner\/base\nlibrary_name: transformers\n/);
    for (const part of [
      '2306.11695',
      '99.125',
      '50.00 %',
      'Neither smaller nor faster',
      'prunelab prune hf:owner/base',
    ]) {
      expect(card).toContain(part);
    }
    const spec = {
      ...defaultSpec(),
      model: "my 'model'",
      texts: { ...defaultSpec().texts, report: 'a b.txt' },
    };
    expect(commandText(spec)).toBe(
      "prunelab prune 'my '\\''model'\\''' --pruner wanda --allocation atp --sparsity 0.7 --beta 0 --report 'a b.txt' --seed 0 --out DIR",
    );
  });
});

describe('verification', () => {
  let sink = new MemorySink();
  beforeEach(async () => {
    const model = await openFixture('two-block');
    sink = new MemorySink();
    await exportFolder(request(model, sink));
  });

  const differences = async (): Promise<string[]> => (await verifyExport(sink)).differences;
  const edit = (path: string, change: (bytes: Uint8Array) => void): void => {
    const bytes = sink.bytes(path).slice();
    change(bytes);
    sink.files.set(path, bytes);
  };
  const editRecord = (change: (record: ExportRecord) => void): void => {
    const record = JSON.parse(sink.text('pruning.json')) as ExportRecord;
    change(record);
    sink.files.set('pruning.json', new TextEncoder().encode(JSON.stringify(record)));
  };
  const place = async (name: string): Promise<{ begin: number; end: number }> => {
    const { tensors } = await readSafetensorsHeader(memorySource('m', sink.bytes('model.safetensors')));
    const found = tensors.find((t) => t.name === name);
    if (!found) throw new Error(name);
    return found;
  };
  const MATRIX = 'model.layers.1.mlp.up_proj.weight';

  test('all holds', async () => {
    const result: Verification = await verifyExport(sink);
    expect(result).toMatchObject({ ok: true, differences: [] });
    expect(result.checked).toMatchObject({ files: 6, matrices: 14 });
    expect(result.checked.groups).toBeGreaterThan(1000);
    expect(result.checked.bytes).toBe(
      [...sink.files].filter(([p]) => p !== 'pruning.json').reduce((sum, [, b]) => sum + b.byteLength, 0),
    );
  });

  test('one changed bit anywhere is found', async () => {
    const { begin } = await place('model.norm.weight');
    edit('model.safetensors', (bytes) => (bytes[begin] = (bytes[begin] ?? 0) ^ 1));
    expect(await differences()).toEqual([
      'model.norm.weight: its bytes differ (SHA-256)',
      'model.safetensors: its bytes differ (SHA-256)',
    ]);
  });

  test('a weight that came back is found by count, group and mask, and -0 counts as zero', async () => {
    const { begin, end } = await place(MATRIX);
    const width =
      (end - begin) / countOf((JSON.parse(sink.text('pruning.json')) as ExportRecord).shapes[MATRIX] ?? []);
    edit('model.safetensors', (bytes) => (bytes[begin + 2 * width - 1] = 0x80));
    expect((await differences()).join()).not.toContain('zeros');
    edit('model.safetensors', (bytes) => (bytes[begin + 2 * width - 1] = 0x3c));
    const found = (await differences()).join('\n');
    expect(found).toMatch(new RegExp(`${MATRIX}: \\d+ zeros, the report says`));
    expect(found).toContain(`${MATRIX}: 1 groups keep more than the pattern allows`);
    expect(found).toContain(`${MATRIX}: 1 weights that the mask removes are not zero`);
    expect(found).toContain('layer 1:');
    expect(found).toContain('sparsity:');
  });

  test('a matrix taken out of the report is missed', async () => {
    editRecord((record) => {
      if (record.sparsity) delete record.sparsity.matrices[MATRIX];
    });
    expect((await differences()).join()).toMatch(
      /the matrices listed have \d+ weights, the model has \d+ to prune/,
    );
  });

  test('files missing, added, cut, and shapes that differ', async () => {
    sink.files.delete('config.json');
    sink.files.set('pytorch_model.bin', new Uint8Array(1));
    editRecord((record) => (record.shapes['model.norm.weight'] = [1, 2]));
    const found = await differences();
    expect(found).toContain('config.json: missing');
    expect(found).toContain('pytorch_model.bin: weights that pruning.json does not list');
    expect(found.join()).toContain('model.norm.weight: shape');
    sink.files.set('model.safetensors', sink.bytes('model.safetensors').slice(0, -2));
    expect((await differences()).join()).toContain('model.safetensors: the tensors end at byte');
    sink.files.set('model.safetensors', new Uint8Array(3));
    expect((await differences()).join()).toContain('model.safetensors: too short');
  });

  test('nothing to verify', async () => {
    const nothing = async (): Promise<unknown> => verifyExport(sink).then(() => null, (e: unknown) => e); // prettier-ignore
    editRecord((record) => Object.assign(record, { schema: 'other/1' }));
    expect(await nothing()).toMatchObject({ kind: 'FormatError', exitCode: 2 });
    sink.files.set('pruning.json', new TextEncoder().encode('{'));
    expect(await nothing()).toMatchObject({ kind: 'FormatError' });
    sink.files.set('pruning.json', new TextEncoder().encode('{"schema":"prunelab.run/1"}'));
    expect(await nothing()).toMatchObject({ kind: 'FormatError' });
    sink.files.delete('pruning.json');
    expect(await nothing()).toMatchObject({ kind: 'FormatError' });
  });
});

describe('masks', () => {
  test.each([[3, 5], [2, 32], [2, 33], [4, 64], [1, 1], [3, 40]])('%i x %i: rows padded to words become flat bits', (rows, cols) => {
    const wordsPerRow = Math.ceil(cols / 32);
    const words = new Uint32Array(rows * wordsPerRow).fill(0xffffffff);
    const kept = (r: number, c: number): boolean => (r * 7 + c * 3) % 5 < 2;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        const at = r * wordsPerRow + (c >> 5);
        if (!kept(r, c)) words[at] = ((words[at] ?? 0) & ~(1 << (c & 31))) >>> 0;
      }
    }
    const packed = packMask(words, rows, cols, wordsPerRow);
    expect(packed.byteLength).toBe(Math.ceil((rows * cols) / 8));
    for (let i = 0; i < packed.byteLength * 8; i++) {
      const inside = i < rows * cols && kept(Math.floor(i / cols), i % cols);
      expect(((packed[i >> 3] ?? 0) >> (i & 7)) & 1).toBe(inside ? 1 : 0);
    }
    const turned = packMask(words, rows, cols, wordsPerRow, true);
    expect(turned.byteLength).toBe(packed.byteLength);
    for (let i = 0; i < turned.byteLength * 8; i++) {
      const inside = i < rows * cols && kept(i % rows, Math.floor(i / rows));
      expect(((turned[i >> 3] ?? 0) >> (i & 7)) & 1).toBe(inside ? 1 : 0);
    }
  }); // prettier-ignore

  test('zeros of both signs count, small numbers do not', () => {
    expect(countZeros(Uint8Array.of(0, 0, 0, 0x80, 1, 0, 0, 1), 2)).toBe(2);
    expect(countZeros(Uint8Array.of(0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x80, 0), 4)).toBe(2);
  });
});

test('the zip holds the files as they are', () => {
  const files = [
    { path: 'a.json', bytes: new TextEncoder().encode('{}') },
    { path: 'b.bin', bytes: new Uint8Array(1000).fill(5) },
  ];
  const zip = zipStore(files);
  expect(Object.entries(unzipSync(zip)).map(([path, bytes]) => ({ path, bytes }))).toEqual(files);
  expect(zip.byteLength).toBeGreaterThan(1000);
  expect(zipStore(files)).toEqual(zip);
});
