import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { defaultSpec, type LabSpec } from '../core/spec';
import type { ModelPlan } from '../models/inspect';
import { fractionOf } from '../pruning/rates';
import { checkParams, planRun, ratesFor, sweepBetas } from './plan';

const MATRICES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];

/** Four layers; `cols` is the width of every matrix but down, which has one of `downCols`. */
function model(cols = 64, downCols = 96): ModelPlan {
  const prunable = [0, 1, 2, 3].flatMap((layer) =>
    MATRICES.map((matrix) => {
      const width = matrix === 'down' ? downCols : cols;
      return {
        name: `layers.${layer}.${matrix}.weight`,
        layer,
        matrix,
        rows: 8,
        cols: width,
        count: 8 * width,
        transposed: false,
      };
    }),
  );
  const perLayer = [0, 1, 2, 3].map((l) =>
    prunable.filter((m) => m.layer === l).reduce((sum, m) => sum + m.count, 0),
  );
  return { prunable, prunablePerLayer: perLayer } as Partial<ModelPlan> as ModelPlan;
}

const spec = (change: Partial<LabSpec> = {}): LabSpec => ({ ...defaultSpec(), ...change });

function kindOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return LabError.from(error).kind + ': ' + LabError.from(error).message;
  }
  return 'no error';
}

describe('planRun', () => {
  test('ATP with the free pattern has a beta and its limit', () => {
    const plan = planRun(model(), spec());
    expect(plan.hasBeta).toBe(true);
    expect(plan.betaMax).toBeCloseTo(0.2, 12);
    expect(plan.requested).toBe(0.7);
  });

  test('other allocations and K:M have none, and refuse one', () => {
    expect(planRun(model(), spec({ allocation: 'uniform' })).betaMax).toBe(null);
    expect(kindOf(() => planRun(model(), spec({ allocation: 'uniform', beta: 0.01 })))).toMatch(
      /^SpecError.*uniform/,
    );
    expect(kindOf(() => planRun(model(), spec({ pattern: '2:4', sparsity: 0.5, beta: 0.01 })))).toMatch(
      /^SpecError.*2:4/,
    );
  });

  test('K:M fixes the rate', () => {
    const plan = planRun(model(), spec({ pattern: '1:4', sparsity: 0.75 }));
    expect(plan.requested).toBe(0.75);
    expect(ratesFor(model(), plan, 0).allocation).toEqual({
      id: 'uniform',
      params: {},
      sparsity: [0.75, 0.75, 0.75, 0.75],
      per: 'layer',
      clamped: 0,
      nominalMean: 0.75,
      betaMax: null,
    });
    expect(kindOf(() => planRun(model(), spec({ pattern: '1:4', sparsity: 0.7 })))).toMatch(/0\.75/);
  });

  test('K:M must divide the inputs of every matrix, and the first that it does not is named', () => {
    expect(kindOf(() => planRun(model(64, 90), spec({ pattern: '2:4', sparsity: 0.5 })))).toMatch(
      /layers\.0\.down\.weight has 90/,
    );
  });

  test('rates by hand give the weighted mean', () => {
    const plan = planRun(model(), spec({ layerSparsity: [0.1, 0.2, 0.3, 0.4] }));
    expect(plan.requested).toBeCloseTo(0.25, 12);
    expect(plan.hasBeta).toBe(false);
    expect(ratesFor(model(), plan, 0).allocation).toEqual({
      id: 'custom',
      params: {},
      sparsity: [0.1, 0.2, 0.3, 0.4],
      per: 'layer',
      betaMax: null,
      clamped: 0,
      nominalMean: 0.25,
    });
  });

  test('rates by tensor reach their matrices', () => {
    const m = model();
    const rates = Object.fromEntries(m.prunable.map((p) => [p.name, p.matrix === 'q' ? 0.5 : 0]));
    const { rates: made, allocation } = ratesFor(m, planRun(m, spec({ layerSparsity: rates })), 0);
    expect(made.map((row) => [row.q, row.down])).toEqual([0, 0, 0, 0].map(() => [0.5, 0]));
    expect(allocation.sparsity[0]).toBeCloseTo((0.5 * 64) / (6 * 64 + 96), 12);
  });

  test('unknown methods and parameters are named', () => {
    expect(kindOf(() => planRun(model(), spec({ pruner: 'nothing' })))).toMatch(/SpecError.*"nothing"/);
    expect(kindOf(() => planRun(model(), spec({ allocation: 'nothing' })))).toMatch(/SpecError.*"nothing"/);
    expect(kindOf(() => planRun(model(), spec({ set: { oops: 1 } })))).toMatch(/SpecError.*"oops"/);
    expect(kindOf(() => planRun(model(), spec({ set: { select: 'tpu' } })))).toMatch(/auto, gpu, cpu/);
  });
});

describe('ratesFor and sweepBetas', () => {
  test('rates rise by beta and are those of every matrix of the layer', () => {
    const { rates, allocation } = ratesFor(model(), planRun(model(), spec({ sparsity: 0.5 })), 0.1);
    expect(allocation.sparsity).toEqual([0.35, 0.44999999999999996, 0.55, 0.65]);
    for (const [i, row] of rates.entries())
      for (const m of MATRICES) expect(row[m]).toBe(allocation.sparsity[i]);
  });

  test('allocations by matrix reach their matrices, and say what was asked of each', () => {
    const m = model();
    const { rates, allocation } = ratesFor(m, planRun(m, spec({ allocation: 'er' })), 0);
    expect(allocation.per).toBe('matrix');
    expect(allocation.params).toEqual({ per: 'matrix' });
    expect(rates[0]?.['down']).toBe(allocation.matrices?.['layers.0.down.weight']);
    expect(rates[0]?.['down']).toBeGreaterThan(fractionOf(rates[0]?.['q'] ?? 1));
  });

  test('with exact mean and exact budget every allocation asks for the same number of zeros', () => {
    const m = model();
    const total = m.prunable.reduce((sum, { count }) => sum + count, 0);
    for (const [allocation, beta] of [['uniform', 0], ['atp', 0.013], ['er', 0], ['er-plus', 0]] as const) {
      const plan = planRun(m, spec({ allocation, beta, sparsity: 0.637, set: { exactMean: true, exactBudget: true } }));
      const { rates } = ratesFor(m, plan, beta);
      const zeros = m.prunable.reduce((sum, { layer, matrix, count }) => sum + Math.floor(count * fractionOf(rates[layer]?.[matrix] ?? 0)), 0);
      expect(zeros).toBe(Math.round(0.637 * total));
    }
  }); // prettier-ignore

  test('an illegal beta names the range', () => {
    expect(kindOf(() => ratesFor(model(), planRun(model(), spec()), 0.3))).toMatch(/from -0\.2.* to 0\.2/);
    expect(kindOf(() => planRun(model(), spec({ beta: 0.3 })))).toMatch(/from -0\.2.* to 0\.2/);
    expect(kindOf(() => planRun(model(), spec({ beta: 'auto' })))).toBe('no error');
  });

  test('auto is the grid with its control; a list is sorted and made unique', () => {
    const auto = sweepBetas(planRun(model(), spec()), null);
    expect(auto[0]).toBe(0);
    expect(auto).toHaveLength(10);
    expect(sweepBetas(planRun(model(), spec()), [0.1, -0.1, 0.1, 0])).toEqual([-0.1, 0, 0.1]);
    expect(kindOf(() => sweepBetas(planRun(model(), spec({ allocation: 'uniform' })), null))).toMatch(
      /^SpecError/,
    );
  });
});

test('checkParams fills defaults and checks types', () => {
  const known = [{ name: 'x', label: '', help: '', type: 'number' as const, min: 0, max: 1, init: 0.5 }];
  expect(checkParams({}, known, 'wanda and atp')).toEqual({ x: 0.5 });
  expect(checkParams({ x: 1 }, known, 'wanda and atp')).toEqual({ x: 1 });
  expect(kindOf(() => checkParams({ x: 2 }, known, 'wanda and atp'))).toMatch(/from 0 to 1/);
  expect(kindOf(() => checkParams({ x: 'a' }, known, 'wanda and atp'))).toMatch(/SpecError/);
});

describe('a range of layers', () => {
  const ranged = (set: LabSpec['set'], change: Partial<LabSpec> = {}): LabSpec =>
    spec({ pruner: 'llm-pruner', sparsity: 0.4, set, ...change });

  test('ATP works over the range alone; the other layers keep all', () => {
    const set = { firstLayer: 1, lastLayer: 3 };
    const plan = planRun(model(), ranged(set, { beta: 0.1 }));
    const { rates, allocation } = ratesFor(model(), plan, 0.1);
    // Three layers: S - beta, S, S + beta.
    for (const [i, want] of [0, 0.3, 0.4, 0.5].entries()) {
      expect(allocation.sparsity[i]).toBeCloseTo(want, 12);
      for (const rate of Object.values(rates[i] ?? {})) expect(fractionOf(rate)).toBeCloseTo(want, 12);
    }
    expect(plan.requested).toBeCloseTo(0.3, 12);
    // Of three layers, not of four: (1 - |1 - 2 S|) / (L - 1).
    expect(plan.betaMax).toBeCloseTo(0.4, 12);
    expect(sweepBetas(plan, null).every((beta) => Math.abs(beta) <= 0.4)).toBe(true);
  });

  test('all layers are the usual allocation', () => {
    const whole = ratesFor(model(), planRun(model(), ranged({})), 0);
    const usual = ratesFor(model(), planRun(model(), spec({ sparsity: 0.4 })), 0);
    expect(whole.rates).toEqual(usual.rates);
  });

  test('what says of every layer what it loses, or measures the whole model, does not go with it', () => {
    const set = { firstLayer: 1 };
    expect(kindOf(() => planRun(model(), ranged(set, { layerSparsity: [0, 0.1, 0.2, 0.3] })))).toMatch(
      /^SpecError.*by hand/,
    );
    expect(kindOf(() => planRun(model(), ranged(set, { allocation: 'alphapruning' })))).toMatch(
      /^SpecError.*range of layers/,
    );
    expect(kindOf(() => planRun(model(), ranged({ lastLayer: 4 })))).toMatch(/^SpecError.*0 to 3/);
  });

  test('K:M patterns are refused by a pruner of whole groups', () => {
    expect(kindOf(() => planRun(model(), ranged({}, { pattern: '2:4', sparsity: 0.5 })))).toMatch(
      /^SpecError.*no K:M pattern/,
    );
  });
});

test('a sweep of mixed N:8 tries each vector of whole numbers once', () => {
  const plan = planRun(model(), spec({ pattern: 'mixed:8', sparsity: 0.75 }));
  const betas = sweepBetas(plan, null);
  const vectors = betas.map((beta) => ratesFor(model(), plan, beta).allocation.sparsity.join(' '));
  expect(betas[0]).toBe(0);
  expect(new Set(vectors).size).toBe(vectors.length);
  expect(vectors.length).toBeGreaterThan(1);
});
