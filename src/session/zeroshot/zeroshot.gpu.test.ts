/** Against lm-evaluation-harness (scripts/fixtures/make_zeroshot.py): log-likelihoods within 1e-4 per token. */
import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import type { ZeroShotMode } from '../../core/zeroshot';
import { openTokenizer, type TokenizerFiles, type TokenizerHandle } from '../../formats/tokenizer';
import { tokenizerServer } from '../../formats/tokenizerServer';
import { fixtureBytes, fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../../testing/labFixture';
import zeroShotFixture from '../../testing/fixtures/zeroshot.json';
import { zeroShot, zeroShotBeside } from '.';
import { scoreOptions, scoreUnits } from './score';
import { optionTokens } from './tokens';

const { pairs, options: expected, postProcessor } = zeroShotFixture;
type Name = keyof typeof expected;
const OPTIONS = pairs.map((pair) => ({ ...pair, characters: 1 }));

async function tokenizer(name: Name): Promise<TokenizerHandle> {
  const json = JSON.parse(
    new TextDecoder().decode(await fixtureBytes('two-block', 'tokenizer.json')),
  ) as object;
  const files = {
    name,
    json: JSON.stringify(name === 'bos' ? { ...json, post_processor: postProcessor } : json),
    config: JSON.stringify({ bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' }),
  };
  return inThisThread(files);
}

const inThisThread = (files: TokenizerFiles): Promise<TokenizerHandle> =>
  openTokenizer(files, (reply) => {
    const serve = tokenizerServer(reply);
    return { post: (request) => queueMicrotask(() => serve(request)), terminate: () => undefined };
  });
const HOST = { tokenizer: inThisThread };

/** Log-likelihood of every pair, and its tokens. */
async function score({ lab, io }: LabFixture, name: Name, mode: ZeroShotMode) {
  const { engine, plan } = lab.loaded;
  const found = await optionTokens(await tokenizer(name), OPTIONS, mode, plan.config.context, String);
  return lab.withRecorder(io, 'Test', async (rec, meter) => {
    let [done, total] = [0, 0];
    const counting = { ...meter, total: (n: number) => (total += n), add: (n: number) => (done += n) };
    total = scoreUnits(engine, found);
    const values = await scoreOptions(rec, engine, null, found, counting);
    expect(done / total).toBeCloseTo(1, 9);
    return found.map(({ targets }, i) => ({ logLikelihood: values[i] ?? NaN, tokens: targets.length }));
  });
}

describe('log-likelihoods', () => {
  test.each(['plain', 'bos'] as const)('as the harness has them, %s tokenizer, both modes', (name) =>
    withLab(async (fixture) => {
      await fixture.lab.load(await fixtureModel('two-block'), fixture.io);
      for (const mode of ['harness', 'paper'] as const) {
        const found = await score(fixture, name, mode);
        const want = expected[name][mode];
        expect(found.map(({ tokens }) => tokens)).toEqual(want.map(({ tokens }) => tokens));
        for (const [i, { logLikelihood, tokens }] of want.entries())
          expect(Math.abs((found[i]?.logLikelihood ?? NaN) - logLikelihood) / tokens).toBeLessThan(1e-4);
      }
    }),
  );
});

const lines = (rows: readonly object[]): Uint8Array =>
  new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'));
const BOOLQ = Array.from({ length: 6 }, (_, i) => ({
  passage: 'The whale is white. '.repeat(i + 1),
  question: `is the whale number ${i} white`,
  label: i % 2,
}));
const REQUEST = {
  tasks: [{ task: 'boolq' as const, file: { name: 'boolq.jsonl', bytes: lines(BOOLQ) } }],
  mode: 'paper' as const,
  limit: null,
  items: true,
};

describe('an evaluation', () => {
  test('dense and pruned on the same items; the dense figures do not depend on the pruned ones', () =>
    withLab(
      async ({ lab, io, events }) => {
        await lab.load(await fixtureModel('two-block'), io);
        giveWindows(lab, 'calibration', [Array.from({ length: 32 }, (_, i) => (i * 37) % 300)]);
        const dense = await zeroShot(lab, REQUEST, null, io);
        const spec = windowSpec({ allocation: 'uniform', sparsity: 0.6, pruner: 'magnitude' });
        const both = await zeroShot(lab, REQUEST, { spec, beta: 0 }, io);
        expect(dense.tasks[0]?.paired).toBeUndefined();
        expect(both.tasks[0]?.dense).toEqual(dense.tasks[0]?.dense);
        expect(both.pruned).toMatchObject({ kind: 'spec', beta: 0 });
        expect(both.pruned?.sparsity).toBeCloseTo(0.6, 2);
        expect(both.tasks[0]).toMatchObject({
          scored: 6,
          documents: 6,
          chance: 0.5,
          constant: { accuracy: 0.5 },
        });
        const items = both.tasks[0]?.items ?? [];
        expect(items.map(({ gold }) => gold)).toEqual([0, 1, 0, 1, 0, 1]);
        for (const { dense: a, pruned: b } of items) expect(a).not.toEqual(b);
        expect(events.some((e) => e.type === 'progress' && e.stage === 'Zero-shot tasks')).toBe(true);
      },
      undefined,
      HOST,
    ));

  test('a model beside itself has no difference; one that reads other tokens is refused', () =>
    withLab(
      async ({ lab, io }) => {
        await lab.load(await fixtureModel('two-block'), io);
        const open = async () => lab.load(await fixtureModel('two-block'), io);
        const record = await zeroShotBeside(lab, REQUEST, open, io);
        expect(record.tasks[0]?.paired).toMatchObject({ lost: 0, gained: 0, p: 1, margin: { mean: 0 } });
        const other = async () => lab.load(await fixtureModel('gqa-f16'), io);
        await expect(zeroShotBeside(lab, REQUEST, other, io)).rejects.toThrow(/do not read the same tokens/);
      },
      undefined,
      HOST,
    ));

  test('can be cancelled', () =>
    withLab(
      async ({ lab, io }) => {
        await lab.load(await fixtureModel('two-block'), io);
        const abort = new AbortController();
        const emit = () => abort.abort();
        const job = zeroShot(lab, REQUEST, null, { ...io, signal: abort.signal, emit });
        const error: unknown = await job.catch((e: unknown) => e);
        expect(LabError.from(error).kind).toBe('CancelledError');
      },
      undefined,
      HOST,
    ));
});
