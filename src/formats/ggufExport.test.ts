/** GGUF files written and verified without a GPU; the verifier reads them with code of its own. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../core/report';
import { DTYPE_BYTES, isFloatDtype } from '../core/dtypes';
import { exportFolder } from './exportFolder';
import { readGguf } from './gguf';
import type { GgufExportType } from './ggufQuantize';
import { openModel, type OpenedModel } from './hfModel';
import type { ExportSink } from './sink';
import { memorySource, type ModelFiles } from './source';
import { wholeTensor } from './tensorBytes';
import { verifyExport } from './verifyExport';
import { METHODS } from '../testing/methodTexts';

class Folder implements ExportSink {
  readonly files = new Map<string, Uint8Array>();
  create(path: string): Promise<void> {
    this.files.set(path, new Uint8Array());
    return Promise.resolve();
  }
  write(path: string, bytes: Uint8Array): Promise<void> {
    this.files.set(path, Uint8Array.from(Buffer.concat([this.files.get(path) ?? bytes, bytes])));
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  size(path: string): Promise<number> {
    return Promise.resolve(this.files.get(path)?.byteLength ?? 0);
  }
  read(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(new Uint8Array(this.files.get(path)?.slice(begin, end) ?? []));
  }
  abort(): Promise<void> {
    this.files.clear();
    return Promise.resolve();
  }
  list(): Promise<string[]> {
    return Promise.resolve([...this.files.keys()]);
  }
  model(): ModelFiles {
    return {
      name: 'exported',
      paths: [...this.files].map(([path, bytes]) => ({ path, size: bytes.byteLength })),
      open: (path) => Promise.resolve(memorySource(path, this.files.get(path) ?? new Uint8Array())),
    };
  }
}

let source: OpenedModel;
beforeAll(async () => {
  const bytes = new Uint8Array(await readFile('src/testing/fixtures/gguf/llama.gguf'));
  source = await openModel({
    name: 'llama',
    paths: [{ path: 'llama.gguf', size: bytes.byteLength }],
    open: (path) => Promise.resolve(memorySource(path, bytes)),
  });
});

const isMatrix = (name: string): boolean => /layers\.\d+\..*_proj\.weight$/.test(name);

/** Every other weight of the block matrices set to zero. */
async function halved(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const entry = source.tensors.get(name);
  if (!entry || !isMatrix(name)) return null;
  const bytes = await wholeTensor(entry);
  for (let i = 0; i < bytes.length; i += 4) bytes.fill(0, i, i + 2);
  return bytes;
}

/** The parts of a report that an export reads. */
function reportOf(matrices: Record<string, { zeros: number; count: number }>): RunReport {
  const text = { source: 'bundled:t', sha256: '0', windows: 1, window: 8, tokens: 8 };
  const all = Object.values(matrices);
  const sum = (key: 'zeros' | 'count'): number => all.reduce((n, m) => n + m[key], 0);
  return {
    schema: 'prunelab.run/1',
    id: 'id',
    version: '0',
    spec: {
      model: 'llama.gguf', pruner: 'wanda', allocation: 'uniform', sparsity: 0.5, beta: 0, pattern: '1:2', set: {},
      texts: { calibration: 'bundled', select: 'bundled', report: 'bundled' },
      samples: 1, window: 8, windows: 1, seed: 0, errorsOn: 'calibration', stats: 'exact',
    },
    model: { name: 'llama', architecture: 'LlamaForCausalLM', layers: 2, hidden: 64, parameters: 1, prunable: sum('count'), dtype: 'F16', sha256: '0' },
    device: { vendor: '', architecture: '', description: '', software: true, features: [], backend: 'dawn-node' },
    texts: { calibration: text, select: text, report: text },
    sparsity: { requested: 0.5, achieved: sum('zeros') / sum('count'), layers: [], matrices },
    perplexity: { dense: 2, pruned: 3, text: 'report', windows: 1, window: 8 },
    exported: { format: 'gguf', type: 'q8_0', perplexity: 3.5 },
    timings: {},
    memory: { predictedBytes: 0, peakBytes: 0 },
    warnings: [],
  }; // prettier-ignore
}

async function write(ggufType: GgufExportType): Promise<Folder> {
  const sink = new Folder();
  const report = (written: { matrices: Parameters<typeof reportOf>[0] }): RunReport => ({
    ...reportOf(written.matrices),
    exported: { format: 'gguf', type: ggufType, perplexity: 3.5 },
  });
  await exportFolder({ model: source, sink, ggufType, changed: halved, report, methods: METHODS });
  return sink;
}

describe.each(['f16', 'bf16', 'q8_0'] as const)('%s', (ggufType) => {
  test('is verified, keeps the metadata and the order of tensors, and reads back as the pruned weights', async () => {
    const sink = await write(ggufType);
    const checked = await verifyExport(sink);
    expect(checked).toMatchObject({ ok: true, differences: [] });
    expect(checked.checked).toMatchObject({ matrices: 14, tensors: 20 });
    expect(checked.checked.groups).toBeGreaterThan(10_000);
    const bytes = sink.files.get('model.gguf') ?? new Uint8Array();
    const file = await readGguf(memorySource('model.gguf', bytes));
    const before = source.gguf?.file;
    expect(file.version).toBe(3);
    expect(file.order).toEqual(before?.order);
    expect([...file.metadata.keys()].filter((key) => !before?.metadata.has(key)).sort()).toEqual(
      ['general.file_type', ...(ggufType === 'q8_0' ? ['general.quantization_version'] : [])].sort(),
    );
    const again = await openModel(sink.model());
    expect(again.config).toEqual({ ...source.config, torch_dtype: again.config.torch_dtype });
    for (const [name, entry] of again.tensors) {
      const mine = await wholeTensor(entry);
      const original = source.tensors.get(name);
      if (!original || !isFloatDtype(entry.dtype)) throw new Error(name);
      const expected = (await halved(name)) ?? (await wholeTensor(original));
      if (ggufType === 'f16') expect([name, Buffer.compare(mine, expected)]).toEqual([name, 0]);
      // Zeros stay where they are, whatever the type.
      else if (isMatrix(name))
        for (let i = 0; i < mine.length; i += 2 * DTYPE_BYTES[entry.dtype])
          if ((mine[i] ?? 0) !== 0 || ((mine[i + 1] ?? 0) & 0x7f) !== 0) throw new Error(`${name} at ${i}`);
    }
    expect(await again.tokenizerJson()).toBe(await source.tokenizerJson());
  });

  test('one changed bit anywhere is found', async () => {
    const sink = await write(ggufType);
    const bytes = sink.files.get('model.gguf') ?? new Uint8Array();
    for (const at of [3, 40, 5000, bytes.length >> 1, bytes.length - 1]) {
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      expect([at, (await verifyExport(sink)).ok]).toEqual([at, false]);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    }
    expect((await verifyExport(sink)).ok).toBe(true);
  });

  test('a cut file is said, not thrown', async () => {
    const sink = await write(ggufType);
    const bytes = sink.files.get('model.gguf') ?? new Uint8Array();
    for (const length of [0, 10, 2000, bytes.length - 1]) {
      sink.files.set('model.gguf', bytes.slice(0, length));
      expect((await verifyExport(sink)).ok).toBe(false);
    }
  });

  test('the card names the figure of the file itself', async () => {
    const card = new TextDecoder().decode((await write(ggufType)).files.get('README.md'));
    expect(card).toMatch(/perplexity of the GGUF file \(matrices in \S+\) \| 3\.5/);
    expect(card).toContain(`--format gguf --gguf-type ${ggufType}`);
    expect(card).toContain('library_name: gguf');
  });
});
