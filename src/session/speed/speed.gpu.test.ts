/** Decoding through packed weights against the masked weights, and the whole measurement on a small model. */
import { describe, expect, test } from 'vitest';
import type { StorageFormat } from '../../core/sparseSizes';
import type { LabSpec } from '../../core/spec';
import { DecodingSession, pickToken } from '../../models/generate';
import { Rng } from '../../core/rng';
import { Workspace } from '../../ops/workspace';
import { fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../../testing/labFixture';
import { openFormat } from './fastest';
import { makeFormats } from './formats';
import { speedCases } from './cases';
import { measureSpeed } from './measure';

const TOKENS = 6;
const PROMPTS = [[5], [3, 1, 4, 1, 5], [9, 2, 6, 5, 3, 5, 8, 9], [0, 0, 7]];

async function loaded({ lab, io }: LabFixture, name: string): Promise<void> {
  const rng = new Rng(1, 'speed test');
  for (const which of ['calibration', 'select', 'report'] as const)
    giveWindows(
      lab,
      which,
      [0, 1].map(() => Array.from({ length: 12 }, () => rng.below(24))),
    );
  await lab.load(await fixtureModel(name), io);
}

describe('every format writes the tokens of the masked weights', () => {
  const cases: [string, Partial<LabSpec>, StorageFormat[]][] = [
    ['two-block', { sparsity: 0.6, allocation: 'uniform', beta: 0 }, ['bitmask', 'csr']],
    [
      'two-block',
      { pattern: '2:4', sparsity: 0.5, allocation: 'uniform', beta: 0 },
      ['bitmask', 'csr', 'km'],
    ],
  ];
  test.each(cases)('%s %o', (name, given, formats) =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await loaded(fixture, name);
      const spec = windowSpec({ pruner: 'wanda', ...given });
      await lab.withRecorder(io, 'test', async (rec, meter) => {
        const { layers } = await lab.masks(spec, 0, rec, meter);
        const scope = lab.ctx.root.child();
        const { decoder, model } = lab.loaded.engine;
        const group = given.pattern ? 4 : null;
        const making = { rec, scope, scratch: new Workspace(scope), model, layers, group };
        const [zeros, ...packed] = await makeFormats(making, ['zeros', ...formats]);
        decoder.ensurePositions(8 + TOKENS);
        const session = new DecodingSession(rec, scope, decoder, 8, 8 + TOKENS);
        await session.ready();
        for (const prompt of PROMPTS) {
          const run = async (
            view: NonNullable<typeof zeros>['view'],
          ): Promise<{ ids: number[]; logits: number[] }> => {
            session.rewind();
            const ids: number[] = [];
            let logits = await session.feed(Uint32Array.from(prompt), view);
            while (ids.length < TOKENS) {
              ids.push(pickToken(logits, 0, new Rng(0)));
              logits = await session.feed(Uint32Array.of(ids.at(-1) ?? 0), view);
            }
            return { ids, logits: [...logits] };
          };
          const want = await run((zeros as NonNullable<typeof zeros>).view);
          for (const { format, view } of packed) {
            const got = await run(view);
            expect([format, got.ids]).toEqual([format, want.ids]);
            // Column by column the same terms are added in another order.
            if (format !== 'csr') expect([format, got.logits]).toEqual([format, want.logits]);
          }
        }
        scope.close();
      });
    }),
  );
});

test('a measurement: rows, sizes, tokens, verdict; uniform beside the allocation', () =>
  withLab(async (fixture) => {
    const { lab, io } = fixture;
    await loaded(fixture, 'two-block');
    const spec = windowSpec({ pruner: 'magnitude', allocation: 'atp', sparsity: 0.5, beta: 'auto' });
    const cases = speedCases(lab, spec);
    expect(cases.map(({ name }) => name)).toEqual(['uniform', expect.stringMatching(/^atp, beta 0\.\d+$/)]);
    const formats = ['zeros', 'bitmask', 'csr', 'km'] as const;
    const request = { formats, promptTokens: 4, tokens: 3, reps: 3, warmup: 0 };
    const record = await measureSpeed(lab, cases, request, io);
    expect(record.schema).toBe('prunelab.speed/1');
    expect(record.restBytes).toBeGreaterThan(0);
    expect(record.dense.decode.runs).toHaveLength(3);
    for (const { rows, layers, missing, sparsity } of record.variants) {
      expect(rows.map(({ format }) => format)).toEqual(['zeros', 'bitmask', 'csr']);
      expect(missing).toEqual([{ format: 'km', why: expect.stringContaining('K:M groups') }]);
      expect(sparsity).toBeCloseTo(0.5, 1);
      for (const row of rows) {
        expect(row.layerMs).toHaveLength(layers.length);
        expect(row.decode.median).toBeGreaterThan(0);
        expect([row.format, row.sameTokens?.same]).toEqual([row.format, 4]);
        if (row.format !== 'csr') expect(row.sameTokens?.largestDifference).toBe(0);
      }
      const [zeros, bitmask] = rows;
      expect(zeros?.memoryBytes).toBe(record.dense.memoryBytes);
      expect(bitmask?.memoryBytes).toBeLessThan(record.dense.memoryBytes);
    }
    // The same zeros in all, so the same values; only padding of 16-bit columns may differ.
    const [uniform, atp] = record.variants;
    expect(atp?.layers[0]).toBeLessThan(atp?.layers[1] ?? 0);
    expect((atp?.rows[1]?.memoryBytes ?? 0) / (uniform?.rows[1]?.memoryBytes ?? 1)).toBeCloseTo(1, 1);
    expect(record.breakEven.map(({ format }) => format)).toEqual(['bitmask', 'csr']);
    expect(record.verdict.length).toBeGreaterThan(3);

    await expect(measureSpeed(lab, cases, { ...request, tokens: 100_000 }, io)).rejects.toThrow(
      'longer than the model',
    );
    const stopped = new AbortController();
    const job = measureSpeed(lab, cases, request, { ...io, signal: stopped.signal });
    stopped.abort();
    await expect(job).rejects.toMatchObject({ kind: 'CancelledError' });
  }));

test('the quickest format is opened, and one that cannot hold the model is refused', () =>
  withLab(async (fixture) => {
    const { lab, io } = fixture;
    await loaded(fixture, 'two-block');
    await lab.withRecorder(io, 'test', async (rec, meter) => {
      const { layers } = await lab.masks(windowSpec({ pruner: 'magnitude', beta: 0 }), 0, rec, meter);
      const scope = lab.ctx.root.child();
      const opened = await openFormat(lab, rec, scope, { layers, pattern: 'free' }, 'auto');
      expect(['zeros', 'bitmask', 'csr']).toContain(opened.format);
      await expect(openFormat(lab, rec, scope, { layers, pattern: 'free' }, 'km')).rejects.toThrow(
        'km is not for this model',
      );
      scope.close();
    });
  }));
