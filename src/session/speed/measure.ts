/** The speed of a pruned model in every storage format, on the adapter at hand (docs/performance.md). */
import { LabError } from '../../core/errors';
import { Rng } from '../../core/rng';
import {
  breakEvenOf,
  fastestFormat,
  speedVerdict,
  spreadOf,
  type BreakEven,
  type SpeedRecord,
  type SpeedRequest,
  type SpeedRow,
  type SpeedVariant,
} from '../../core/speed';
import {
  bandwidthSpeedUp,
  breakEvenBytes,
  STORAGE_FORMATS,
  type StorageFormat,
} from '../../core/sparseSizes';
import { DEFAULT_SPEC, type LabSpec } from '../../core/spec';
import { ENGINE_VERSION } from '../../core/version';
import type { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import { DecodingSession, pickToken, type LayerView } from '../../models/generate';
import { matrixOf, type LoadedModel } from '../../models/load';
import { PACKED_FORMATS, packable } from '../../ops/packed';
import type { Weight } from '../../ops/types';
import { Workspace } from '../../ops/workspace';
import { DTYPE_BYTES } from '../../core/dtypes';
import { readWeight } from '../../pruning/readWeight';
import { layerSparsity, type Meter } from '../engine';
import { foundPattern } from '../foundPruning';
import type { JobIo, Lab } from '../lab';
import type { ResolvedText } from '../texts';
import { failedFormats } from './checks';
import { cannotHold, groupLength, makeFormats, packedView, packMatrix, type FormatModel } from './formats';
import { copyBandwidth, decodeRun, LayerBench, type DecodeRun } from './timing';

/** A pruning to measure: a spec with its beta, or null for the zeros that the loaded model brought. */
export interface SpeedCase {
  name: string;
  pruning: { spec: LabSpec; beta: number } | null;
}

interface Variant {
  record: Omit<SpeedVariant, 'rows'>;
  models: FormatModel[];
  runs: Map<StorageFormat, Timings>;
  reference: { picks: number[]; tops: number[] };
}

/** What is collected for one row. */
interface Timings {
  decode: number[];
  prefill: number[];
  layers: number[][];
  same: number;
  difference: number;
}

const newTimings = (layers: number): Timings => ({
  decode: [],
  prefill: [],
  layers: Array.from({ length: layers }, () => []),
  same: 0,
  difference: 0,
});

const LAYER_REPS = 5;
const BREAK_EVEN_AT = [0.1, 0.3, 0.5, 0.7, 0.9];

export async function measureSpeed(
  lab: Lab,
  cases: readonly SpeedCase[],
  request: SpeedRequest,
  io: JobIo,
): Promise<SpeedRecord> {
  const { engine, record: modelRecord, plan } = lab.loaded;
  const { model, decoder } = engine;
  const [first] = cases;
  if (!first) throw new LabError('InternalError', 'There is nothing to measure.');
  const { promptTokens, tokens, reps, warmup } = request;
  if (promptTokens + tokens > plan.config.cachedContext)
    throw new LabError(
      'SpecError',
      `${promptTokens} prompt tokens and ${tokens} more are longer than the model's context of ${plan.config.cachedContext}.`,
      'Ask for fewer tokens.',
    );
  const texts = await lab.texts(first.pruning?.spec ?? DEFAULT_SPEC, ['report'], io);
  const report = texts.report as ResolvedText;
  if (report.windows.ids.length < promptTokens)
    throw new LabError('TextError', `The report text has ${report.windows.ids.length} tokens, fewer than the prompt's ${promptTokens}.`); // prettier-ignore
  const prompt = report.windows.ids.slice(0, promptTokens);
  return lab.withRecorder(io, 'Measuring speed', async (rec, meter) => {
    const scope = lab.ctx.root.child();
    try {
      const failures = await failedFormats(lab, request.formats);
      const scratch = new Workspace(scope);
      const variants: Variant[] = [];
      for (const one of cases)
        variants.push(await makeVariant(lab, rec, scope, scratch, one, request.formats, failures, meter));
      decoder.ensurePositions(promptTokens + tokens);
      const session = new DecodingSession(rec, scope, decoder, promptTokens, promptTokens + tokens);
      const bench = new LayerBench(rec, scope, model);
      await session.ready();

      const rowCount = 1 + variants.reduce((sum, { models }) => sum + models.length, 0);
      const stepUnits = engine.tokenUnits;
      meter.total((rowCount * (warmup + reps) + variants.length) * (tokens + 1) * stepUnits);
      const step = (): void => meter.add((tokens + 1) * stepUnits);

      // The tokens that all formats are fed: those that the masked weights of the first case choose.
      const leader = zerosOf(variants[0] as Variant);
      const fed = await greedy(session, leader.view, prompt, tokens);
      for (const variant of variants) {
        const { tops } = variant.reference;
        const run = await decodeRun(rec, session, zerosOf(variant).view, prompt, fed, (_, logits) =>
          tops.push(logits[pickToken(logits, 0, GREEDY)] ?? NaN),
        );
        variant.reference.picks = run.picks;
        step();
      }
      const dense = newTimings(model.layers.length);
      const denseView: LayerView = (layer) => decoder.dense(layer);
      const turns: (() => Promise<[Timings, DecodeRun]>)[] = [
        async () => [dense, await decodeRun(rec, session, denseView, prompt, fed)],
        ...variants.flatMap((variant) =>
          variant.models.map(({ format, view }) => async (): Promise<[Timings, DecodeRun]> => {
            const into = variant.runs.get(format) as Timings;
            const { tops, picks } = variant.reference;
            const run = await decodeRun(rec, session, view, prompt, fed, (at, logits) => {
              const off = Math.abs((logits[picks[at] ?? 0] ?? NaN) - (tops[at] ?? NaN));
              into.difference = Math.max(into.difference, off);
            });
            into.same = run.picks.filter((id, i) => id === picks[i]).length;
            return [into, run];
          }),
        ),
      ];
      for (let rep = -warmup; rep < reps; rep++)
        for (const turn of turns) {
          const [into, run] = await turn();
          if (rep >= 0) {
            into.decode.push((1000 * tokens) / run.decodeMs);
            into.prefill.push((1000 * promptTokens) / run.prefillMs);
          }
          step();
        }
      const views = [
        { into: dense, view: denseView },
        ...variants.flatMap((v) =>
          v.models.map(({ format, view }) => ({ into: v.runs.get(format) as Timings, view })),
        ),
      ];
      await timeLayers(bench, model.layers.length, views);
      const bandwidth = await copyBandwidth(rec, scope);
      const breakEven = await measureBreakEven(rec, scope, scratch, bench, model, request.formats);
      const restBytes = restOf(model, promptTokens + tokens / 2);
      const denseBytes = plan.prunable.reduce((sum, { count, layer, matrix }) => sum + count * DTYPE_BYTES[matrixOf(model, layer, matrix).dtype], 0); // prettier-ignore
      const denseRow = rowOf(
        'dense',
        dense,
        { memoryBytes: denseBytes, fileBytes: denseBytes },
        null,
        restBytes,
      );
      const records = variants.map(({ record, models, runs }): SpeedVariant => ({
        ...record,
        rows: models.map((m) => {
          const row = rowOf(m.format, runs.get(m.format) as Timings, m, denseRow, restBytes);
          const { same, difference } = runs.get(m.format) as Timings;
          return { ...row, sameTokens: { same, of: tokens + 1, largestDifference: difference } };
        }),
      }));
      const body = {
        model: modelRecord,
        device: lab.ctx.record,
        protocol: { promptTokens, tokens, reps, warmup, prompt: report.record.source },
        copyBandwidth: bandwidth,
        restBytes,
        dense: denseRow,
        variants: records,
        breakEven,
      };
      return {
        schema: 'prunelab.speed/1',
        version: ENGINE_VERSION,
        spec: first.pruning ? { ...first.pruning.spec, beta: first.pruning.beta } : null,
        ...body,
        fastest: fastestFormat(records[0]?.rows ?? []),
        verdict: speedVerdict(body),
        warnings: [...failures.values()],
      };
    } finally {
      scope.close();
    }
  });
}

const GREEDY = new Rng(0);

function zerosOf(variant: Variant): FormatModel {
  const found = variant.models.find(({ format }) => format === 'zeros');
  if (!found) throw new LabError('InternalError', 'The masked weights were not made.');
  return found;
}

async function makeVariant(
  lab: Lab,
  rec: Recorder,
  scope: Scope,
  scratch: Workspace,
  { name, pruning }: SpeedCase,
  formats: readonly StorageFormat[],
  failures: ReadonlyMap<StorageFormat, string>,
  meter: Meter,
): Promise<Variant> {
  const { engine, plan } = lab.loaded;
  const { model } = engine;
  const state = pruning ? await lab.masks(pruning.spec, pruning.beta, rec, meter) : null;
  const counts = plan.prunable.map((m) => ({
    zeros: state ? (state.zeros[m.layer]?.[m.matrix] ?? 0) : (model.zeros.get(m.name) ?? 0),
    count: m.count,
    layer: m.layer,
    matrix: m.matrix,
  }));
  const zeros = Array.from({ length: model.layers.length }, (_, layer) =>
    Object.fromEntries(counts.filter((c) => c.layer === layer).map((c) => [c.matrix, c.zeros])),
  );
  const group = groupLength(pruning ? pruning.spec.pattern : await foundPattern(model));
  const missing: SpeedVariant['missing'] = [];
  const used = STORAGE_FORMATS.filter((format) => {
    if (format === 'dense') return false;
    if (format === 'zeros') return true;
    if (!formats.includes(format)) return false;
    const why = failures.get(format) ?? cannotHold(format, model, group);
    if (why !== null) missing.push({ format, why });
    return why === null;
  });
  const models = await makeFormats(
    { rec, scope, scratch, model, layers: state?.layers ?? null, group },
    used,
  );
  const sum = (of: (c: (typeof counts)[number]) => number): number => counts.reduce((n, c) => n + of(c), 0);
  return {
    record: {
      name,
      beta: pruning?.beta ?? 0,
      sparsity: sum((c) => c.zeros) / sum((c) => c.count),
      layers: layerSparsity(model, zeros),
      missing,
    },
    models,
    runs: new Map(used.map((format) => [format, newTimings(model.layers.length)])),
    reference: { picks: [], tops: [] },
  };
}

async function greedy(
  session: DecodingSession,
  view: LayerView,
  prompt: Uint32Array,
  tokens: number,
): Promise<number[]> {
  session.rewind();
  const out: number[] = [];
  let logits = await session.feed(prompt, view);
  while (out.length < tokens) {
    const next = pickToken(logits, 0, GREEDY);
    out.push(next);
    logits = await session.feed(Uint32Array.of(next), view);
  }
  return out;
}

async function timeLayers(
  bench: LayerBench,
  layers: number,
  views: readonly { into: Timings; view: LayerView }[],
): Promise<void> {
  const [dense] = views;
  if (!dense) return;
  const repeats = await bench.repeats(0, dense.view);
  for (let layer = 0; layer < layers; layer++)
    for (let rep = 0; rep < LAYER_REPS; rep++)
      for (const { into, view } of views) into.layers[layer]?.push(await bench.ms(layer, view, repeats));
}

/** The middle layer's matrices with random masks: packed against dense, at several sparsities. */
async function measureBreakEven(
  rec: Recorder,
  scope: Scope,
  scratch: Workspace,
  bench: LayerBench,
  model: LoadedModel,
  formats: readonly StorageFormat[],
): Promise<BreakEven[]> {
  const layer = Math.floor(model.layers.length / 2);
  const matrices = Object.entries(model.layers[layer]?.matrices ?? {});
  const used = PACKED_FORMATS.filter((f) => f !== 'km' && formats.includes(f) && matrices.every(([, w]) => packable(f, w.cols, null))); // prettier-ignore
  const denseView: LayerView = () => (name) => ({ weight: matrixOf(model, layer, name) });
  const own = scope.child();
  const points: { format: StorageFormat; sparsity: number; view: LayerView; ms: number[] }[] = [];
  const host = new Map<string, { weight: Weight; bytes: Uint8Array<ArrayBuffer> }>();
  for (const [name, weight] of matrices) host.set(name, { weight, bytes: await readWeight(rec, weight) });
  for (const sparsity of BREAK_EVEN_AT) {
    const rng = new Rng(Math.round(100 * sparsity), 'break-even');
    const masks = new Map([...host].map(([name, { weight }]) => [name, randomMask(weight, sparsity, rng)]));
    for (const format of used) {
      const views = new Map(
        [...host].map(([name, { weight, bytes }]) => [
          name,
          packedView(packMatrix(rec, own, { weight, mask: null, bytes, words: masks.get(name) ?? new Uint32Array() }, format, null), scratch), // prettier-ignore
        ]),
      );
      points.push({
        format,
        sparsity,
        view: () => (name) => views.get(name) ?? denseView(layer)(name),
        ms: [],
      });
    }
  }
  await scope.ready();
  const dense: number[] = [];
  const repeats = await bench.repeats(layer, denseView);
  for (let rep = 0; rep < LAYER_REPS; rep++) {
    dense.push(await bench.ms(layer, denseView, repeats));
    for (const point of points) point.ms.push(await bench.ms(layer, point.view, repeats));
  }
  own.close();
  const base = spreadOf(dense).median;
  return used.map((format) => {
    const of = points
      .filter((p) => p.format === format)
      .map(({ sparsity, ms }) => ({ sparsity, ratio: spreadOf(ms).median / base }));
    const widest = Math.max(...matrices.map(([, { cols }]) => cols));
    const dtype = matrices[0]?.[1].dtype ?? 'F32';
    return { format, bytes: breakEvenBytes(format, dtype, widest), measured: breakEvenOf(of), points: of };
  });
}

function randomMask({ rows, cols }: Weight, sparsity: number, rng: Rng): Uint32Array {
  const wordsPerRow = Math.ceil(cols / 32);
  const words = new Uint32Array(rows * wordsPerRow);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < cols; c++) {
      const at = row * wordsPerRow + (c >> 5);
      if (rng.float() >= sparsity) words[at] = (words[at] as number) | (1 << (c & 31));
    }
  return words;
}

/** Bytes that a decoded token reads besides the prunable matrices, at a cache of so many positions. */
function restOf(model: LoadedModel, positions: number): number {
  const { config, head } = model;
  const vectors = model.layers.reduce((sum, { norms, biases }) => {
    const own = Object.values(norms).flatMap(({ weight, bias }) => [weight, ...(bias ? [bias] : [])]);
    return sum + [...own, ...Object.values(biases)].reduce((n, { length }) => n + 4 * length, 0);
  }, 0);
  const cache = 2 * 4 * positions * config.kvHeads * config.headDim * config.layers;
  return Math.round(head.rows * head.cols * DTYPE_BYTES[head.dtype] + vectors + cache);
}

function rowOf(
  format: StorageFormat,
  { decode, prefill, layers }: Timings,
  bytes: { memoryBytes: number; fileBytes: number | null },
  dense: SpeedRow | null,
  restBytes: number,
): SpeedRow {
  const layerMs = layers.map((ms) => spreadOf(ms).median);
  const total = (ms: readonly number[]): number => ms.reduce((a, b) => a + b, 0);
  const rate = spreadOf(decode);
  return {
    format,
    decode: rate,
    prefill: spreadOf(prefill),
    memoryBytes: bytes.memoryBytes,
    fileBytes: bytes.fileBytes,
    layerMs,
    speedUp: dense ? rate.median / dense.decode.median : 1,
    kernelSpeedUp: dense ? total(dense.layerMs) / total(layerMs) : 1,
    limit: dense ? bandwidthSpeedUp(dense.memoryBytes, bytes.memoryBytes, restBytes) : 1,
  };
}
