import { describe, expect, it } from 'vitest';
import type { RunReport } from '../../core/report';
import { defaultSpec } from '../../core/spec';
import type { TheoryRecord } from '../../core/theory';
import { runPoints } from './runPoints';
import { firstDraft, goesOn, specOf } from './theorist';

describe('what the theory is tried with', () => {
  it('takes three seeds and 19 sparsities, or one and five where the device is slow', () => {
    expect(firstDraft({ ...defaultSpec(), seed: 7 }, false).seeds).toEqual([7, 0, 1]);
    expect(firstDraft(defaultSpec(), false).rates).toHaveLength(19);
    expect(firstDraft({ ...defaultSpec(), seed: 7 }, true)).toEqual({
      seeds: [7],
      rates: [0.1, 0.3, 0.5, 0.7, 0.9],
      others: 'target',
    });
    expect(firstDraft({ ...defaultSpec(), seeds: [0, 5] }, true).seeds).toEqual([0, 5]);
  });

  it('goes on from a record of the same settings, whatever the slider of beta says', () => {
    const draft = firstDraft(defaultSpec(), false);
    const spec = specOf(draft, { ...defaultSpec(), beta: 0.1 }, null);
    const record = { spec: structuredClone(spec), model: { sha256: 'a' } } as unknown as TheoryRecord;
    expect(goesOn(record, specOf(draft, defaultSpec(), null), 'a')).toBe(true);
    expect(goesOn(record, spec, 'b')).toBe(false);
    expect(goesOn(record, specOf(draft, { ...defaultSpec(), sparsity: 0.6 }, null), 'a')).toBe(false);
    expect(goesOn(record, specOf({ ...draft, others: 'dense' }, defaultSpec(), null), 'a')).toBe(false);
  });
});

it('past runs of the model are points; others, and those without errors, are not', () => {
  const layer = { local: 1, inPlace: 1, inherited: 0, cross: 0 };
  const report = {
    spec: { ...defaultSpec(), beta: 0.02 },
    model: { sha256: 'a' },
    sparsity: { achieved: 0.7 },
    perplexity: { pruned: 30 },
    errors: {
      layers: [
        { ...layer, cumulative: 2, dense: 4 },
        { ...layer, cumulative: 3, dense: 6 },
      ],
    },
  } as unknown as RunReport;
  const { errors: _, ...bare } = report;
  const other = { ...report, model: { ...report.model, sha256: 'b' } };
  expect(runPoints([report, other, bare as RunReport], 'a')).toEqual([
    {
      name: 'run 1: wanda, atp',
      source: 'run',
      sparsity: 0.7,
      beta: 0.02,
      perplexity: 30,
      last: 3,
      summed: 5,
      relative: 1,
    },
  ]);
});
