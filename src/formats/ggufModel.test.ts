/** GGUF files as Hugging Face models, against checkpoints of transformers (scripts/fixtures/make_gguf.py). */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { buildGguf, type GgufTestFile } from '../testing/ggufBuilder';
import { llama3Factors, llama3Scaling } from './ggufRope';
import { openModel, type OpenedModel } from './hfModel';
import { readSafetensorsHeader } from './safetensors';
import { memorySource, type ModelFiles } from './source';
import { tensorPieces, wholeTensor } from './tensorBytes';

const folder = 'src/testing/fixtures/gguf';

function ggufFiles(bytes: Uint8Array, name = 'model.gguf'): ModelFiles {
  return {
    name: 'model',
    paths: [{ path: name, size: bytes.byteLength }],
    open: (path) => Promise.resolve(memorySource(path, bytes)),
  };
}
const open = (bytes: Uint8Array): Promise<OpenedModel> => openModel(ggufFiles(bytes));

describe('quantised weights', async () => {
  const bytes = new Uint8Array(await readFile(`${folder}/llama.gguf`));
  const expectedBytes = new Uint8Array(await readFile(`${folder}/llama.safetensors`));
  const expected = await readSafetensorsHeader(memorySource('llama.safetensors', expectedBytes));

  test('are those that the gguf package reads, in F16, with the order of rows undone', async () => {
    const model = await open(bytes);
    expect([...model.tensors.keys()].sort()).toEqual(expected.tensors.map((t) => t.name).sort());
    for (const want of expected.tensors) {
      const entry = model.tensors.get(want.name);
      if (!entry) throw new Error(want.name);
      expect(entry).toMatchObject({ dtype: 'F16', shape: want.shape });
      expect(Buffer.compare(await wholeTensor(entry), expectedBytes.subarray(want.begin, want.end))).toBe(0);
    }
    expect(model.warnings.join(' ')).toContain('computed with as F16');
  });

  test('come in pieces of whole units', async () => {
    const model = await open(bytes);
    const entry = model.tensors.get('model.layers.0.self_attn.q_proj.weight');
    if (!entry?.stored) throw new Error('no q');
    // Four heads of 16 rows in Q4_1.
    expect(entry.stored).toMatchObject({ type: 'Q4_1', rowsPerUnit: 16, unitBytes: 16 * 2 * 20 });
    const { unitBytes } = entry.stored;
    const half = { ...entry, begin: entry.begin + 2 * unitBytes };
    const pieces: Uint8Array[] = [];
    for await (const piece of tensorPieces(half)) pieces.push(piece.bytes);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from((await wholeTensor(entry)).subarray(2 * 16 * 64 * 2)));
  });

  test('its other files are made from the metadata', async () => {
    const model = await open(bytes);
    expect(model.files.paths.map((f) => f.path)).toEqual([
      'model.gguf',
      'config.json',
      'generation_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const config = await model.files.open('config.json');
    expect(JSON.parse(new TextDecoder().decode(await config.read(0, config.size)))).toEqual(model.config);
    expect(model.config).toMatchObject({ model_type: 'llama', torch_dtype: 'float16', rms_norm_eps: 1e-5 });
  });

  test('a sum beyond F16 is refused, not made infinite', async () => {
    const file: GgufTestFile = {
      metadata: metadata(),
      tensors: [
        { name: 'token_embd.weight', dims: [32, 1], type: 1, bytes: new Uint8Array(64) },
        {
          name: 'output_norm.weight',
          dims: [1],
          type: 0,
          bytes: new Uint8Array(Float32Array.of(7e4).buffer),
        },
      ],
    };
    const model = await open(buildGguf(file));
    const entry = model.tensors.get('model.norm.weight');
    if (!entry) throw new Error('no norm');
    await expect(wholeTensor(entry)).rejects.toThrow('beyond the 65,504');
  });
});

interface ArchCase {
  gguf: string;
  config: Record<string, unknown>;
  rope: Record<string, unknown> | null;
  tensors: Record<string, [number[], string]>;
}
const archs = JSON.parse(await readFile(`${folder}/archs.json`, 'utf8')) as Record<string, ArchCase>;

describe('every architecture is what transformers saved before llama.cpp converted it', () => {
  test.each(Object.entries(archs))('%s', async (modelType, expected) => {
    const model = await open(gunzipSync(Buffer.from(expected.gguf, 'base64')));
    // Mistral without a window is LLaMA's architecture, in GGUF by name too.
    const type = modelType === 'mistral' ? 'llama' : (modelType.split('-')[0] ?? '');
    expect(model.config.model_type).toBe(type);
    for (const [key, value] of Object.entries(expected.config))
      expect([key, model.config[key]]).toEqual([key, value]);
    expect([...model.tensors.keys()].sort()).toEqual(Object.keys(expected.tensors).sort());
    for (const [name, [shape, sha256]] of Object.entries(expected.tensors)) {
      const entry = model.tensors.get(name);
      if (!entry) throw new Error(name);
      const bytes = await wholeTensor(entry);
      expect([name, entry.shape, createHash('sha256').update(bytes).digest('hex')]).toEqual([
        name,
        shape,
        sha256,
      ]);
    }
    expect(ropeOf(model.config)).toEqual(normalRope(expected.rope));
  });
});

/** Rotary settings in one form, whichever generation of config.json says them. */
function ropeOf(config: Record<string, unknown>): unknown {
  const scaling = config.rope_scaling as Record<string, unknown> | null | undefined;
  if (config.model_type === 'gpt2') return null;
  const theta = config.rope_theta ?? config.rotary_emb_base;
  const share = config.partial_rotary_factor ?? config.rotary_pct ?? 1;
  // Phi-3 says its original context beside the scaling, transformers inside it too.
  const original = scaling?.rope_type === 'longrope' ? pick(config, 'original_max_position_embeddings') : {};
  const full = {
    rope_type: 'default',
    ...scaling,
    ...original,
    rope_theta: theta,
    partial_rotary_factor: share,
  };
  const local = config.rope_local_base_freq;
  return local === undefined ? { full } : { full, local };
}

const pick = (from: Record<string, unknown>, key: string): Record<string, unknown> => ({ [key]: from[key] });

function normalRope(rope: Record<string, unknown> | null): unknown {
  if (!rope || Object.keys(rope).length === 0) return null;
  const full = (rope.full_attention ?? rope) as Record<string, unknown>;
  const local = (rope.sliding_attention as Record<string, unknown> | undefined)?.rope_theta;
  const normal = { partial_rotary_factor: 1, ...full };
  return local === undefined ? { full: normal } : { full: normal, local };
}

function metadata(
  change: Record<string, GgufTestFile['metadata'][number][1]> = {},
): GgufTestFile['metadata'] {
  const base: Record<string, GgufTestFile['metadata'][number][1]> = {
    'general.architecture': { string: 'llama' },
    'llama.block_count': { u32: 0 },
    'llama.context_length': { u32: 64 },
    'llama.embedding_length': { u32: 32 },
    'llama.feed_forward_length': { u32: 32 },
    'llama.attention.head_count': { u32: 2 },
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    ...change,
  };
  return Object.entries(base);
}

describe('is refused by name', () => {
  const tensors = [{ name: 'token_embd.weight', dims: [32, 1], type: 0, bytes: new Uint8Array(128) }];
  test.each([
    [{ 'general.architecture': { string: 'mamba' } }, 'architecture "mamba" is not supported'],
    [{ 'general.type': { string: 'adapter' } }, 'of the kind "adapter"'],
    [{ 'llama.expert_count': { u32: 8 } }, 'mixture of 8 experts'],
    [{ 'llama.attention.causal': { bool: false } }, 'without causal attention'],
    [{ 'llama.rope.dimension_count': { u32: 8 } }, 'rotary embedding of 8 of 16'],
    [{ 'llama.attention.value_length': { u32: 8 } }, 'keys of length 16 and values of length 8'],
    [
      { 'llama.rope.scaling.type': { string: 'su' }, 'llama.rope.scaling.factor': { f32: 4 } },
      'scaling "su"',
    ],
    [{ 'llama.logit_scale': { f32: 2 } }, '"llama.logit_scale"'],
    [{ 'llama.feed_forward_length': { i32s: [1, 2] } }, 'a list (one value for each layer)'],
  ] as [Record<string, GgufTestFile['metadata'][number][1]>, string][])('%j', async (change, message) => {
    expect((await open(buildGguf({ metadata: metadata(), tensors }))).config.head_dim).toBe(16);
    const error: unknown = await open(buildGguf({ metadata: metadata(change), tensors })).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ kind: 'ModelError' });
    expect((error as LabError).message).toContain(message);
  });

  test('metadata that cannot matter are left alone and named', async () => {
    const opened = await open(
      buildGguf({ metadata: metadata({ 'llama.mascot': { string: 'whale' } }), tensors }),
    );
    expect(opened.warnings.join()).toContain('"llama.mascot"');
  });

  test('a tensor that the architecture does not have', async () => {
    const more = [...tensors, { name: 'blk.0.ssm_a', dims: [1], type: 0, bytes: new Uint8Array(4) }];
    await expect(open(buildGguf({ metadata: metadata(), tensors: more }))).rejects.toThrow('"blk.0.ssm_a"');
  });

  test('heads that do not divide the rows', async () => {
    const more = [
      ...tensors,
      { name: 'blk.0.attn_q.weight', dims: [2, 24], type: 0, bytes: new Uint8Array(192) },
    ];
    await expect(open(buildGguf({ metadata: metadata(), tensors: more }))).rejects.toThrow('do not divide');
  });

  test('two GGUF files in one folder', async () => {
    const bytes = buildGguf({ metadata: metadata(), tensors });
    const files = ggufFiles(bytes);
    const two = { ...files, paths: [...files.paths, { path: 'other.gguf', size: 1 }] };
    await expect(openModel(two)).rejects.toThrow('2 GGUF files');
    const parts = {
      ...files,
      paths: ['a-00001-of-00002.gguf', 'a-00002-of-00002.gguf'].map((path) => ({ path, size: 1 })),
    };
    await expect(openModel(parts)).rejects.toMatchObject({
      remedy: expect.stringContaining('merge') as string,
    });
  });
});

test('mutated files give a model or a LabError', async () => {
  const [valid = new Uint8Array()] = Object.values(archs).map((a) =>
    gunzipSync(Buffer.from(a.gguf, 'base64')),
  );
  const header = fc.nat({ max: 3000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(header, fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
      async (changes) => {
        const bytes = new Uint8Array(valid);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          const model = await open(bytes);
          for (const entry of model.tensors.values()) await wholeTensor(entry);
          if (model.files.paths.some((f) => f.path === 'tokenizer.json')) await model.tokenizerJson();
        } catch (error) {
          if (!(error instanceof LabError)) throw error;
          expect(['FormatError', 'ModelError', 'TextError']).toContain(error.kind);
        }
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
});

describe('llama3 scaling from its factors', () => {
  test.each([
    [500000, 128, 8, 1, 4, 8192],
    [500000, 64, 32, 1, 4, 8192],
    [10000, 16, 8, 1, 4, 32],
    [50000, 64, 16, 1, 3, 5000],
  ])('theta %d, head %d, factor %d', (theta, dim, factor, low, high, original) => {
    const factors = Float32Array.from(llama3Factors(theta, dim, factor, low, high, original));
    const found = llama3Scaling(factors, theta, dim);
    expect(found).toMatchObject({ rope_type: 'llama3', factor });
    if (dim > 16)
      expect(found).toMatchObject({ high_freq_factor: high, original_max_position_embeddings: original });
  });

  test('other factors are not taken for it', () => {
    const factors = Float32Array.from(llama3Factors(500000, 64, 8, 1, 4, 8192));
    factors[3] = 1.5;
    expect(llama3Scaling(factors, 500000, 64)).toBeNull();
    expect(llama3Scaling(new Float32Array(32).fill(1), 500000, 64)).toBeNull();
  });
});
