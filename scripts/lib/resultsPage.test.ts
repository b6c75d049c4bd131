import { describe, expect, it } from 'vitest';
import {
  globalCollapsesFirst,
  increasingBeatsUniform,
  orderOfPruners,
  resultsPage,
  reversedIsWorse,
  valleyInBeta,
  type Interval,
  type Measured,
  type Row,
  type Stored,
} from './resultsPage.js';

const interval = (ratio: number, spread = 0.01): Interval => ({
  ratio,
  low: ratio - spread,
  high: ratio + spread,
  distinguishable: Math.abs(ratio - 1) > spread,
});

function row(
  name: { pruner?: string; allocation?: string; sparsity: number; beta?: number },
  perplexity: number,
  against: Interval | null = null,
  betas: number[] = [],
): Row {
  const figures = { perplexity, kl: 0.5 };
  const search = { trials: betas.map((beta) => ({ beta, perplexity, best: perplexity, ms: 1000 })) };
  return {
    key: JSON.stringify(name),
    status: 'done',
    pruner: 'wanda',
    allocation: 'atp',
    beta: null,
    ...name,
    zeros: 70,
    count: 100,
    perplexity: { select: figures, report: figures },
    paired: { select: against, report: against },
    cost: { ms: 1000, modelPasses: 2 },
    ...(betas.length > 0 && { search }),
  };
}

function stored(rows: Row[]): Stored {
  const text = { source: 'a text', windows: 2, window: 8 };
  return {
    name: 'x',
    command: 'node bin/prunelab.js compare x',
    comparison: {
      version: '1',
      model: { name: 'a model', layers: 4, parameters: 100, dtype: 'F32' },
      device: { description: 'a device', vendor: '', software: false },
      texts: { calibration: text, select: text, report: text },
      dense: { select: { perplexity: 5 }, report: { perplexity: 5 } },
      spec: { base: { seed: 0 } },
      rows,
      warnings: [],
    },
  };
}

const GRID = [0, 0.1, 0.2];

function measured(
  change: { half?: Interval; mid?: Interval; high?: Interval; best?: number } = {},
): Measured {
  const { half = interval(0.995), mid = interval(0.9), high = interval(0.7), best = 0.1 } = change;
  const atp = (sparsity: number, against: Interval): Row => row({ sparsity, beta: best }, 8, against, GRID);
  return {
    allocations: stored([
      row({ allocation: 'uniform', sparsity: 0.7 }, 10),
      atp(0.7, high),
      row({ allocation: 'global', sparsity: 0.7 }, 50, interval(5)),
    ]),
    low: stored([atp(0.5, half), atp(0.6, mid)]),
    pruners: stored(
      (
        [
          ['sparsegpt', 6, interval(0.6)],
          ['wanda', 10, null],
          ['magnitude', 20, interval(2)],
        ] as const
      ).map(([pruner, perplexity, against]) =>
        row({ pruner, allocation: 'uniform', sparsity: 0.7 }, perplexity, against),
      ),
    ),
    reversed: [stored([row({ sparsity: 0.7, beta: -0.1 }, 20, interval(2))])],
  };
}

describe('verdicts of the results', () => {
  const all = [increasingBeatsUniform, globalCollapsesFirst, orderOfPruners, valleyInBeta, reversedIsWorse];

  it('hold where every figure says so, and are not given where a row is missing', () => {
    const empty: Measured = { allocations: null, low: null, pruners: null, reversed: [null] };
    for (const verdict of all) {
      expect(verdict(measured()).verdict).toBe('holds');
      expect(verdict(empty).verdict).toBe('not measured');
    }
  });

  it('(a): one loss at high sparsity refutes, doubt leaves it open, and so does as large a gain at 0.5', () => {
    expect(increasingBeatsUniform(measured({ mid: interval(1.1) })).verdict).toBe('does not hold');
    expect(increasingBeatsUniform(measured({ mid: interval(0.995) })).verdict).toBe('not decided');
    expect(increasingBeatsUniform(measured({ half: interval(0.5) })).verdict).toBe('does not hold');
  });

  it('(b): another allocation is worse than global', () => {
    const given = measured();
    given.allocations?.comparison.rows.push(row({ allocation: 'er', sparsity: 0.7 }, 60, interval(6)));
    expect(globalCollapsesFirst(given)).toEqual({
      verdict: 'does not hold',
      why: 'worst at 0.7: er (60.00); global 50.00',
    });
  });

  it('(c): the order of the means, then whether the difference is clear', () => {
    const given = measured();
    const magnitude = given.pruners?.comparison.rows[2];
    if (magnitude?.paired) magnitude.paired.report = interval(1.005);
    expect(orderOfPruners(given).verdict).toBe('not decided');
    if (magnitude) magnitude.perplexity.report.perplexity = 9;
    expect(orderOfPruners(given).verdict).toBe('does not hold');
  });

  it('(d): an end of the grid is no valley', () => {
    expect(valleyInBeta(measured({ best: 0.2 })).verdict).toBe('does not hold');
    expect(valleyInBeta(measured({ best: 0 })).verdict).toBe('does not hold');
  });

  it('(e): the reversed schedule is better or hardly worse', () => {
    const given = measured();
    const reversed = given.reversed[0]?.comparison.rows[0];
    if (reversed?.paired) reversed.paired.report = interval(1.005);
    expect(reversedIsWorse(given).verdict).toBe('not decided');
    if (reversed?.paired) reversed.paired.report = interval(0.9);
    expect(reversedIsWorse(given).verdict).toBe('does not hold');
  });

  it('stand on the page beside what was published, with the commands', () => {
    const page = resultsPage([measured()]);
    expect(page.match(/\*\*holds\*\*/g)).toHaveLength(5);
    expect(page).toContain('    node bin/prunelab.js compare x');
  });
});
