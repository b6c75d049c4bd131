/** Theorems 3.1 and 3.2 against PyTorch's figures from the same weights and inputs (theory/*.json), and what must hold. */
import { expect, test } from 'vitest';
import { experimentOf, type BoundExperiment, type LayerCurve, type MatrixBound, type TheoremId, type TheoryRecord, type TheorySpec } from '../../core/theory'; // prettier-ignore
import { parseStoredTheory } from '../../core/storedTheory';
import { theorySvgs } from '../../formats/theoryCharts';
import { atpRates, betaGrid } from '../../pruning/allocations';
import { fixtureJson, fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../../testing/labFixture';
import { TOLERANCE } from '../../testing/tolerances';
import { runTheory } from './index';

interface Expected {
  rates: number[];
  sparsity: number;
  monotone: LayerCurve[];
  bounds: { layers: BoundExperiment['layers']; gain: (number | null)[] };
}

/** `windows`: of each text at most. */
async function open({ lab, io }: LabFixture, name: string, windows = Infinity): Promise<void> {
  const { texts } = await fixtureJson<{ texts: Record<'calibration' | 'report', { windows: number[][] }> }>(name, 'pruning.json'); // prettier-ignore
  giveWindows(lab, 'calibration', texts.calibration.windows.slice(0, windows));
  giveWindows(lab, 'select', texts.report.windows.slice(0, windows));
  giveWindows(lab, 'report', texts.report.windows.slice(0, windows));
  await lab.load(await fixtureModel(name), io);
}

function specOf(theorems: TheoremId[], change: Partial<TheorySpec> = {}): TheorySpec {
  const base = windowSpec({ sparsity: 0.7, beta: 'auto' });
  return { base, theorems, seeds: [0], rates: [0.1, 0.3, 0.5, 0.7, 0.9], others: 'target', ...change };
}

function near(
  where: string,
  value: number | null | undefined,
  expected: number,
  scale = Math.abs(expected),
): void {
  const off = Math.abs((value ?? NaN) - expected) / (scale || 1);
  expect([where, off <= TOLERANCE.runErrors || [value, expected]]).toEqual([where, true]);
}

for (const name of ['two-block', 'awkward'])
  test(`${name}: as PyTorch has it`, () =>
    withLab(async (fixture) => {
      const expected = await fixtureJson<Expected>('theory', `${name}.json`);
      await open(fixture, name);
      const { lab, io } = fixture;
      const record = await runTheory(lab, specOf(['3.1', '3.2']), { known: null, other: 'refuse' }, io);

      const monotone = experimentOf(record, '3.1');
      expect(monotone?.layers).toHaveLength(expected.monotone.length);
      expected.monotone.forEach((layer, i) => {
        const own = monotone?.layers[i];
        layer.local.forEach((error, k) => near(`layer ${i} rate ${k}`, own?.local[k], error ?? NaN));
        near(`layer ${i} dense`, own?.dense, layer.dense ?? NaN);
        for (const m of layer.matrices) {
          const curve = own?.matrices.find(({ matrix }) => matrix === m.matrix);
          m.error.forEach((error, k) => near(`${i} ${m.matrix} error ${k}`, curve?.error[k], error));
          m.inner.forEach((inner, k) => {
            // Terms cancel: measured by the errors that it is the difference of.
            near(`${i} ${m.matrix} inner ${k}`, curve?.inner[k], inner, m.error[k + 1]);
            if (Math.abs(inner) > 0.01 * (m.error[k + 1] ?? 0))
              expect([m.matrix, k, Math.sign(curve?.inner[k] ?? NaN)]).toEqual([
                m.matrix,
                k,
                Math.sign(inner),
              ]);
          });
          // One near-tie in the scores, or in the errors of a row, may turn a row.
          m.violating.forEach((rows, k) =>
            expect(Math.abs((curve?.violating[k] ?? NaN) - rows)).toBeLessThanOrEqual(1),
          );
        }
      });
      expect(monotone?.done && monotone.verdict?.text).toMatch(/inner product/);

      const bounds = experimentOf(record, '3.2');
      expected.bounds.layers.forEach(({ matrices }, i) => {
        for (const m of matrices) {
          const own = bounds?.layers[i]?.matrices.find(({ matrix }) => matrix === m.matrix);
          near(`${i} ${m.matrix} sigma`, own?.sigmaMin, m.sigmaMin, m.sigmaMin > 1e-6 ? m.sigmaMin : 1);
          for (const key of ['inputError', 'error', 'first', 'second'] as const)
            near(`${i} ${m.matrix} ${key}`, own?.[key], m[key]);
          near(`${i} ${m.matrix} cross`, own?.cross, m.cross, m.first + m.second);
          near(`${i} ${m.matrix} bound`, own?.bound, boundOf(m), Math.max(boundOf(m), 1e-9 * m.error));
          expect([m.matrix, own?.vacuous === 'wide']).toEqual([m.matrix, m.rows < m.cols]);
        }
      });
      expected.bounds.gain.forEach((gain, i) => {
        const own = bounds?.gains[0]?.gain[i];
        if (gain === null) expect(own).toBeNull();
        else near(`gain ${i}`, own, gain);
      });
    }));

const boundOf = ({ sigmaMin, inputError }: MatrixBound): number => sigmaMin * sigmaMin * inputError;

test('schedules are plain runs, a raised layer changes nothing before it, and what is known is not measured again', () =>
  withLab(async (fixture) => {
    await open(fixture, 'two-block', 2);
    const { lab, io } = fixture;
    const spec = specOf(['3.4', '3.5', 'lab', 'convexity', 'proxy']);
    const record = await runTheory(lab, spec, { known: null, other: 'refuse' }, io);
    expect(record.experiments.map(({ theorem }) => theorem)).toEqual(spec.theorems);
    for (const { done, verdict } of record.experiments) expect([done, (verdict?.text ?? '').length > 40]).toEqual([true, true]); // prettier-ignore

    expect(parseStoredTheory('r.json', JSON.parse(JSON.stringify(record)))).toEqual(record);
    const figures = [...theorySvgs(record).keys()];
    expect(figures).toEqual(['3.4.svg', '3.5.svg', '3.5-2.svg', 'lab.svg', 'convexity.svg', 'proxy.svg']);

    const orders = experimentOf(record, '3.5');
    const beta = orders?.beta ?? NaN;
    expect(betaGrid(0.7, 2)).toContain(beta);
    const { layerSparsity: _, ...base } = spec.base;
    const atp = { ...base, beta, set: { exactBudget: true } };
    const plain = await lab.runBoth(atp, beta, io);
    const ascending = orders?.orders[0];
    expect(ascending?.perplexity).toEqual([plain.select.perplexity]);
    expect(ascending?.last).toEqual([plain.report.errors?.layers[1]?.cumulative]);
    expect(orders?.orders[1]?.rates).toEqual([...atpRates(0.7, 2, beta)].reverse());
    // With two layers the one swap is the descending order.
    expect(orders?.swaps[0]?.perplexity[0]).toBe(
      (orders?.orders[1]?.perplexity[0] ?? NaN) - (ascending?.perplexity[0] ?? NaN),
    );

    const spread = experimentOf(record, '3.4');
    expect(spread?.layers[1]?.increase[0]).toBe(0);
    expect(spread?.layers[1]?.increase[1]).toBeGreaterThan(0);

    // Half of it, as it was when it was cancelled, goes on to the same record.
    const half: TheoryRecord = structuredClone(record);
    half.trials = half.trials.slice(0, 9);
    half.experiments = [];
    const again = await runTheory(lab, spec, { known: half, other: 'refuse' }, io);
    expect(again).toEqual(record);
    await expect(
      runTheory(lab, { ...spec, rates: [0.2, 0.4] }, { known: record, other: 'refuse' }, io),
    ).rejects.toThrow(/other texts, settings/);
  }));

/** The two-block model with a last norm that is not a number: it diverges whatever is pruned. */
async function divergedWeights(): Promise<Uint8Array> {
  const source = await (await fixtureModel('two-block')).open('model.safetensors');
  const whole = await source.read(0, source.size);
  const length = Number(new DataView(whole.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(whole.subarray(8, 8 + length))) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const [begin, end] = header['model.norm.weight']?.data_offsets ?? [0, 0];
  return whole.fill(0xff, 8 + length + begin, 8 + length + end);
}

test('a model that diverges at every beta leaves 3.5 and the proxies open', () =>
  withLab(async ({ lab, io }) => {
    const { texts } = await fixtureJson<{ texts: Record<'calibration' | 'report', { windows: number[][] }> }>('two-block', 'pruning.json'); // prettier-ignore
    for (const text of ['calibration', 'select', 'report'] as const)
      giveWindows(lab, text, texts[text === 'calibration' ? text : 'report'].windows.slice(0, 1));
    await lab.load(await fixtureModel('two-block', { 'model.safetensors': await divergedWeights() }), io);
    const record = await runTheory(lab, specOf(['3.5', 'proxy']), { known: null, other: 'refuse' }, io);
    for (const theorem of ['3.5', 'proxy'] as const) {
      const experiment = experimentOf(record, theorem);
      expect(experiment).toMatchObject({ done: true, verdict: { holds: 'open' } });
      expect(
        experimentOf(parseStoredTheory('the record', JSON.parse(JSON.stringify(record))), theorem),
      ).toEqual(experiment);
    }
    expect(record.warnings.join(' ')).toContain('diverged at every beta');
  }));
