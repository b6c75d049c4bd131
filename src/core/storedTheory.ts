/** A record of the theory that comes back from a file or a store: checked before a part of it is used again or drawn. */
import { z } from 'zod';
import { LabError } from './errors';
import { MAX_SEEDS } from './spec';
import { PROXIES, THEOREMS, type TheoremId, type TheoryExperiment, type TheoryRecord } from './theory';
import { count, deviceRecord, figure, layerErrors, modelRecord, rate, rates, text, textRecord } from './storedReport'; // prettier-ignore
import { storedSpecSchema } from './storedSpec';

const MANY = 100_000;
const words = z.string().max(20_000);
const number = z.number();
const layerFigures = z.array(figure).max(10_000);
const figures = z.array(number).max(MANY);
const seedFigures = z.array(figure).max(MAX_SEEDS);
const listOf = <T extends z.ZodType>(item: T) => z.array(item).max(MANY);

const trial = z.object({
  seed: count,
  rates,
  perplexity: figure,
  cumulative: layerFigures,
  dense: layerFigures,
  errors: z.array(layerErrors).max(10_000).optional(),
});
const curveRow = z.object({ beta: number, perplexity: seedFigures, mean: figure });
const schedule = z.object({
  name: text,
  rates,
  perplexity: seedFigures,
  summed: seedFigures,
  last: seedFigures,
});
const gains = listOf(z.object({ seed: count, gain: layerFigures }));
const byKind = <T extends z.ZodType>(value: T) => z.object({ perplexity: value, summed: value, last: value });

const matrixCurve = z.object({
  matrix: text,
  rows: count,
  error: figures,
  inner: figures,
  violating: z.array(count).max(MANY),
});
const steps = <K extends string>(name: K) =>
  z.object({ [name]: count, all: count } as Record<K | 'all', typeof count>);
const matrixBound = z.object({
  matrix: text,
  rows: count,
  cols: count,
  sigmaMin: number,
  inputError: number,
  bound: number,
  error: number,
  ratio: figure,
  vacuous: z.enum(['wide', 'singular', 'same input']).nullable(),
  first: number,
  second: number,
  cross: number,
  crossShare: figure,
});
const difference = z.object({
  beta: number,
  bySeed: seedFigures,
  mean: figure,
  spread: figure,
  below: z.boolean(),
});
const gridShape = z.object({
  step: number,
  points: listOf(curveRow),
  differences: listOf(difference),
  minima: count,
  minimaBySeed: z.array(count).max(MAX_SEEDS),
  best: z.object({ beta: number, perplexity: number }).nullable(),
});
const proxyPoint = z.object({
  name: text,
  source: z.enum(['trial', 'run']),
  sparsity: rate,
  beta: figure,
  perplexity: figure,
  last: figure,
  summed: figure,
  relative: figure,
});

const head = <Id extends TheoremId>(theorem: Id) => ({
  theorem: z.literal(theorem),
  title: text,
  claim: words,
  done: z.boolean(),
  verdict: z.object({ holds: z.enum(['yes', 'partly', 'no', 'open']), text: words }).nullable(),
});

const experiment = z.discriminatedUnion('theorem', [
  z.object({
    ...head('3.1'),
    rates,
    layers: listOf(
      z.object({
        layer: count,
        local: layerFigures,
        dense: figure,
        matrices: z.array(matrixCurve).max(1000),
      }),
    ),
    summary: z
      .object({
        layerSteps: steps('falling'),
        matrixSteps: steps('falling'),
        innerSteps: steps('negative'),
        rowSteps: steps('violating'),
      })
      .nullable(),
  }),
  z.object({
    ...head('3.2'),
    sparsity: rate,
    layers: listOf(z.object({ layer: count, matrices: z.array(matrixBound).max(1000) })),
    gains,
  }),
  z.object({
    ...head('3.4'),
    others: z.enum(['target', 'dense']),
    raise: rate,
    base: trial.nullable(),
    layers: listOf(
      z.object({
        layer: count,
        rate,
        perplexity: figure,
        increase: layerFigures,
        area: figure,
        relativeArea: figure,
      }),
    ),
    summary: z
      .object({
        byArea: z.array(count).max(10_000),
        byPerplexity: z.array(count).max(10_000),
        areaRank: figure,
        relativeAreaRank: figure,
        perplexityRank: figure,
        falling: count,
        pairs: count,
      })
      .nullable(),
  }),
  z.object({
    ...head('3.5'),
    beta: figure,
    orders: listOf(schedule),
    swaps: listOf(
      z.object({
        layer: count,
        perplexity: seedFigures,
        summed: seedFigures,
        last: seedFigures,
        sign: z.union([z.literal(1), z.literal(-1), z.literal(0)]).nullable(),
        distinct: z.boolean(),
      }),
    ),
    shapes: listOf(schedule),
    summary: z
      .object({
        rank: byKind(count),
        agree: z.object({ ...byKind(count).shape, all: count }),
        shapesByPerplexity: z.array(text).max(1000),
      })
      .nullable(),
  }),
  z.object({
    ...head('lab'),
    rates,
    layers: listOf(z.object({ layer: count, local: layerFigures, dense: figure })),
    gains,
    curve: listOf(curveRow),
    fit: z
      .object({
        kappa: number,
        r2: number,
        kappas: layerFigures,
        c: number,
        predicted: number,
        measured: figure,
        betaMax: figure,
      })
      .nullable(),
    assumptions: z
      .object({
        atRate: rate,
        localRatio: number,
        relativeRatio: number,
        kappaMin: number,
        kappaMax: number,
        above: count,
        gains: count,
        gainMin: number,
        gainMax: number,
      })
      .nullable(),
  }),
  z.object({
    ...head('convexity'),
    curve: listOf(curveRow),
    shape: z
      .object({
        kind: z.enum(['convex', 'unimodal', 'neither']),
        grid: gridShape,
        half: gridShape,
        lostDoubled: figure,
        lostGrid: figure,
      })
      .nullable(),
  }),
  z.object({
    ...head('proxy'),
    points: listOf(proxyPoint),
    correlations: listOf(
      z.object({
        proxy: z.enum(PROXIES),
        among: z.enum(['all', 'target', 'runs']),
        points: count,
        rho: figure,
        low: figure,
        high: figure,
      }),
    ),
    picks: listOf(z.object({ by: z.enum([...PROXIES, 'perplexity']), beta: figure, perplexity: figure })),
  }),
]) satisfies z.ZodType<TheoryExperiment>;

const record = z.object({
  schema: z.literal('prunelab.theory/1'),
  id: z.string().min(1).max(128),
  version: z.string().max(80),
  spec: z.object({
    base: storedSpecSchema,
    theorems: z.array(z.enum(THEOREMS)).max(THEOREMS.length),
    seeds: z.array(count).max(MAX_SEEDS),
    rates,
    others: z.enum(['target', 'dense']),
    runs: listOf(proxyPoint).optional(),
  }),
  model: modelRecord,
  device: deviceRecord,
  texts: z.object({ calibration: textRecord, select: textRecord, report: textRecord }),
  seeds: z.array(count).max(MAX_SEEDS),
  densePerplexity: figure,
  experiments: z.array(experiment).max(THEOREMS.length),
  trials: listOf(trial),
  warnings: z.array(words).max(10_000),
});

/** SpecError names the first thing that is not as it must be. `source` is the file's name, for messages. */
export function parseStoredTheory(source: string, value: unknown): TheoryRecord {
  const result = record.safeParse(value);
  if (result.success) {
    const { layers } = result.data.model;
    const whole = result.data.trials.every(
      (t) => t.rates.length === layers && t.cumulative.length === layers && t.dense.length === layers,
    );
    if (whole) return result.data;
    throw damaged(source, `a pruning is not of ${layers} layers`);
  }
  const issue = result.error.issues[0];
  const where = issue?.path.join('.').slice(0, 200) || 'the record';
  throw damaged(source, `${where}: ${issue?.message.slice(0, 300) ?? 'not a record of the theory'}`);
}

function damaged(source: string, what: string): LabError {
  return new LabError(
    'SpecError',
    `${source}: ${what}.`,
    'Give a record of the theory as this lab wrote it.',
  );
}
