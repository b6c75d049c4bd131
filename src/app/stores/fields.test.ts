import { describe, expect, it } from 'vitest';
import { defaultSpec, type LabSpec } from '../../core/spec';
import { parseQuery, writeQuery } from './fields';

describe('the spec in the address', () => {
  it('reads an empty query as the default', () => {
    expect(parseQuery('')).toEqual({ spec: defaultSpec(), given: new Set(), problems: [] });
  });

  it('survives a round trip', () => {
    const spec: LabSpec = {
      ...defaultSpec(),
      model: 'hf:owner/name@main',
      pruner: 'magnitude',
      sparsity: 0.65,
      beta: 0.0123456789,
      set: { exactBudget: true, damping: 0.01, select: 'gpu' },
      samples: 4,
      window: 128,
      windows: 3,
      seed: 7,
      seeds: [3, 7, 5],
      errorsOn: 'report',
      stats: 'dense',
    };
    const query = writeQuery(spec);
    expect(query).toContain('model=hf:owner/name@main');
    expect(parseQuery(query)).toMatchObject({ spec, problems: [] });
  });

  it('lets the first of the seeds lead, and refuses a main seed that is none of them', () => {
    expect(writeQuery(parseQuery('?seeds=4,5').spec)).toContain('&seed=4&seeds=4,5');
    const { spec, problems } = parseQuery('?seed=1&seeds=4,5');
    expect([spec.seed, spec.seeds, problems.length]).toEqual([1, undefined, 1]);
    expect(problems[0]?.message).toContain('seed 1');
  });

  it('keeps keys that are not its own', () => {
    expect(writeQuery(defaultSpec(), '?hub=http://127.0.0.1:9000&beta=3')).toMatch(
      /^\?model=demo.*&beta=0&.*&hub=/,
    );
  });

  it.each([
    ['sparsity=1.5', 'sparsity'],
    ['seeds=1,1', 'seeds'],
    ['seeds=1,x', 'seeds'],
    ['sparsity=abc', 'sparsity'],
    ['beta=', 'beta'],
    ['pattern=4:2', 'Pattern'],
    ['allocation=custom', 'allocation'],
    ['allocation=none', 'allocation'],
    ['model=../../etc', 'model'],
    ['seed=-1', 'seed'],
    ['samples=2.5', 'samples'],
    ['errors-on=test', 'errors-on'],
    ['set=nonsense', 'set'],
  ])('names the problem of %s and uses the default', (query, word) => {
    const { spec, problems } = parseQuery(`?${query}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.kind).toBe('SpecError');
    expect(problems[0]?.message).toContain(word);
    expect(spec).toEqual(defaultSpec());
  });

  it('carries texts of the Hub, and no files', () => {
    const query = '?calibration=hf:c4&report=hf:wikitext-2/test@b086';
    const { spec, problems } = parseQuery(query);
    expect(problems).toEqual([]);
    expect(spec.texts).toEqual({
      calibration: 'hf:c4',
      select: 'bundled',
      report: 'hf:wikitext-2/test@b086',
    });
    expect(parseQuery(writeQuery(spec)).spec.texts).toEqual(spec.texts);
    expect(writeQuery({ ...spec, texts: { ...spec.texts, report: 'mine.txt' } })).not.toContain('mine');
    expect(parseQuery('?select=/etc/passwd').problems).toHaveLength(1);
  });

  it('carries a list of rates, and says what contradicts it', () => {
    const { spec, problems } = parseQuery('?layer-sparsity=0.5,0.25,1');
    expect(problems).toEqual([]);
    expect(spec).toMatchObject({ allocation: 'custom', layerSparsity: [0.5, 0.25, 1], beta: 0 });
    expect(writeQuery(spec)).toContain('allocation=custom');
    expect(writeQuery(spec)).toContain('layer-sparsity=0.5,0.25,1');
    expect(parseQuery(writeQuery(spec)).spec).toEqual(spec);
    for (const query of [
      'allocation=uniform&layer-sparsity=0.5',
      'pattern=2:4&layer-sparsity=0.5',
      'layer-sparsity=0.5,2',
    ]) {
      const clash = parseQuery(`?${query}`);
      expect(clash.problems).toHaveLength(1);
      expect(clash.spec).not.toHaveProperty('layerSparsity');
    }
    expect(writeQuery({ ...spec, layerSparsity: { a: 0.5 } })).not.toContain('layer-sparsity');
  });

  it('lets K:M decide the sparsity and says what it overrides', () => {
    expect(parseQuery('?pattern=2:4')).toMatchObject({ spec: { sparsity: 0.5, beta: 0 }, problems: [] });
    const clash = parseQuery('?pattern=1:4&sparsity=0.7&beta=0.01');
    expect(clash.spec).toMatchObject({ sparsity: 0.75, beta: 0 });
    expect(clash.problems).toHaveLength(2);
  });
});
