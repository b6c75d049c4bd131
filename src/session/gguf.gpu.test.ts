/** GGUF files through the whole lab: the same logits as the weights they hold, and exports that are what is measured. */
import { describe, expect, test } from 'vitest';
import { openModel } from '../formats/hfModel';
import type { ExportSink } from '../formats/sink';
import { memorySource, type ModelFiles } from '../formats/source';
import { wholeTensor } from '../formats/tensorBytes';
import { fixtureBytes, fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';
import { exportTo, type ExportOptions } from './export';
import { windowOutputs } from './logits';

interface ArchCase {
  gguf: string;
  ids: number[];
  logits: string;
}

const ARCHS = [
  'llama', 'mistral', 'smollm3', 'qwen2', 'qwen3', 'gemma', 'gemma2', 'gemma3_text', 'phi3', 'phi3-longrope', 'olmo2', 'stablelm',
  'gpt2', 'gpt_neox',
]; // prettier-ignore

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function oneFile(bytes: Uint8Array): ModelFiles {
  return {
    name: 'model',
    paths: [{ path: 'model.gguf', size: bytes.byteLength }],
    open: (path) => Promise.resolve(memorySource(path, bytes)),
  };
}

async function logitsOf({ lab, io }: LabFixture, ids: readonly number[]): Promise<Float32Array> {
  const { engine, plan } = lab.loaded;
  const all = new Float32Array(ids.length * plan.config.vocabulary);
  await lab.withRecorder(io, 'forward', (rec) =>
    windowOutputs(rec, engine, Uint32Array.from(ids), {
      logits: (begin, values) => all.set(values, begin * plan.config.vocabulary),
    }),
  );
  return all;
}

describe('the logits are those of transformers before llama.cpp converted the checkpoint', () => {
  test.each(ARCHS)('%s', (name) =>
    withLab(async (fixture) => {
      const cases = await fixtureJson<Record<string, ArchCase>>('gguf', 'archs.json');
      const given = cases[name];
      if (!given) throw new Error(name);
      await fixture.lab.load(oneFile(await gunzip(fromBase64(given.gguf))), fixture.io);
      const expected = new Float32Array(fromBase64(given.logits).buffer);
      const actual = await logitsOf(fixture, given.ids);
      expect(actual.length).toBe(expected.length);
      const mean = expected.reduce((a, b) => a + b, 0) / expected.length;
      const spread = Math.sqrt(expected.reduce((a, b) => a + (b - mean) ** 2, 0) / expected.length);
      const worst = actual.reduce((m, v, i) => Math.max(m, Math.abs(v - (expected[i] ?? NaN))), 0);
      expect(worst / spread).toBeLessThan(TOLERANCE.logits);
    }),
  );
});

class Folder implements ExportSink {
  readonly files = new Map<string, number[]>();
  create(path: string): Promise<void> {
    this.files.set(path, []);
    return Promise.resolve();
  }
  write(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.files.get(path);
    for (const byte of bytes) file?.push(byte);
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  size(path: string): Promise<number> {
    return Promise.resolve(this.bytes(path).length);
  }
  read(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(new Uint8Array(this.bytes(path).slice(begin, end)));
  }
  abort(): Promise<void> {
    this.files.clear();
    return Promise.resolve();
  }
  bytes(path: string): Uint8Array {
    return Uint8Array.from(this.files.get(path) ?? []);
  }
  model(): ModelFiles {
    return {
      name: 'exported',
      paths: [...this.files].map(([path, bytes]) => ({ path, size: bytes.length })),
      open: (path) => Promise.resolve(memorySource(path, this.bytes(path))),
    };
  }
}

interface Texts {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
}

async function giveTexts({ lab }: LabFixture): Promise<void> {
  const { texts } = await fixtureJson<Texts>('two-block', 'pruning.json');
  giveWindows(lab, 'calibration', texts.calibration.windows.slice(0, 2));
  giveWindows(lab, 'select', texts.report.windows.slice(0, 2));
  giveWindows(lab, 'report', texts.report.windows.slice(0, 2));
}

const SPEC = windowSpec({ sparsity: 0.5, beta: 0.1 });
const prune = async (
  fixture: LabFixture,
  options: ExportOptions,
): Promise<{ sink: Folder } & Awaited<ReturnType<typeof exportTo>>> => {
  const sink = new Folder();
  return { sink, ...(await exportTo(fixture.lab, SPEC, 0.1, sink, options, fixture.io)) };
};

describe('a file with seven types', () => {
  test('gives the logits of its dequantised weights, bit for bit', () =>
    withLab(async (fixture) => {
      const { texts } = await fixtureJson<Texts>('two-block', 'pruning.json');
      const ids = texts.report.windows[0] ?? [];
      const weights = await fixtureBytes('gguf', 'llama.safetensors');
      await fixture.lab.load(await fixtureModel('two-block', { 'model.safetensors': weights }), fixture.io);
      const expected = await logitsOf(fixture, ids);
      await fixture.lab.load(oneFile(await fixtureBytes('gguf', 'llama.gguf')), fixture.io);
      expect(await logitsOf(fixture, ids)).toEqual(expected);
    }));

  test('is exported as the Hugging Face folder of those weights', () =>
    withLab(async (fixture) => {
      await giveTexts(fixture);
      const weights = await fixtureBytes('gguf', 'llama.safetensors');
      await fixture.lab.load(await fixtureModel('two-block', { 'model.safetensors': weights }), fixture.io);
      const expected = await prune(fixture, { masks: false });
      await fixture.lab.load(oneFile(await fixtureBytes('gguf', 'llama.gguf')), fixture.io);
      const { report, sink } = await prune(fixture, { masks: true });
      expect(report.perplexity).toEqual(expected.report.perplexity);
      expect(report.sparsity).toEqual(expected.report.sparsity);
      expect([...sink.files.keys()]).toEqual(
        expect.arrayContaining(['config.json', 'tokenizer.json', 'model.safetensors', 'masks.safetensors']),
      );
      const [mine, theirs] = [await openModel(sink.model()), await openModel(expected.sink.model())];
      for (const [name, entry] of theirs.tensors) {
        const found = mine.tensors.get(name);
        if (!found) throw new Error(name);
        expect(await wholeTensor(found)).toEqual(await wholeTensor(entry));
      }
    }));

  test.each(['f16', 'bf16', 'q8_0'] as const)(
    'is exported as GGUF in %s, and that file is measured',
    (ggufType) =>
      withLab(async (fixture) => {
        await giveTexts(fixture);
        await fixture.lab.load(oneFile(await fixtureBytes('gguf', 'llama.gguf')), fixture.io);
        const { report, sink, files } = await prune(fixture, { masks: false, ggufType });
        expect(files.map((f) => f.path).sort()).toEqual(['README.md', 'model.gguf', 'pruning.json']);
        expect(report.exported).toMatchObject({ format: 'gguf', type: ggufType });
        const exported = report.exported?.perplexity ?? NaN;
        const pruned = report.perplexity.pruned ?? NaN;
        // F16 holds the pruned weights as they are; the others round them, which moves the figure a little.
        if (ggufType === 'f16') expect(exported).toBe(pruned);
        else expect(Math.abs(Math.log(exported / pruned))).toBeLessThan(0.05);
        if (ggufType !== 'f16') expect(exported).not.toBe(pruned);
        const asked = (await fixture.lab.run(SPEC, 0.1, fixture.io)).sparsity;
        expect(report.sparsity?.achieved).toBeGreaterThanOrEqual(asked?.achieved ?? NaN);
        if (ggufType === 'f16') expect(report.sparsity).toEqual(asked);
        await fixture.lab.load(sink.model(), fixture.io);
        const again = await fixture.lab.evaluate(SPEC, fixture.io);
        expect(again.perplexity.dense).toBe(exported);
        const zeros = [...Object.values(report.sparsity?.matrices ?? {})].reduce(
          (sum, m) => sum + m.zeros,
          0,
        );
        expect([...fixture.lab.loaded.engine.model.zeros.values()].reduce((a, b) => a + b, 0)).toBe(zeros);
      }),
  );

  test('masks go with the Hugging Face folder only; other models make no GGUF file', () =>
    withLab(async (fixture) => {
      await giveTexts(fixture);
      await fixture.lab.load(oneFile(await fixtureBytes('gguf', 'llama.gguf')), fixture.io);
      await expect(prune(fixture, { masks: true, ggufType: 'f16' })).rejects.toMatchObject({
        kind: 'SpecError',
      });
      await fixture.lab.load(await fixtureModel('two-block'), fixture.io);
      await expect(prune(fixture, { masks: false, ggufType: 'f16' })).rejects.toMatchObject({
        kind: 'SpecError',
      });
    }));
});
