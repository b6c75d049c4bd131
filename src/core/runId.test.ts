import { describe, expect, it } from 'vitest';
import { runId, sameSpec } from './runId';
import { defaultSpec, parseSeeds, seedsProblem, type LabSpec } from './spec';

const id = (spec: LabSpec, change = {}): Promise<string> =>
  runId({ modelSha256: 'a', textSha256: ['b', 'c', 'd'], spec, engineVersion: '1', ...change });

describe('runId', () => {
  it('is the same for the same inputs, whatever files are called and however keys are ordered', async () => {
    const spec = defaultSpec();
    const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as LabSpec;
    const elsewhere = { ...spec, model: '/models/one', texts: { ...spec.texts, report: 'other.txt' } };
    expect(await id(turned)).toBe(await id(spec));
    expect(await id(elsewhere)).toBe(await id(spec));
    expect(await id({ ...spec, seeds: undefined })).toBe(await id(spec));
    expect(sameSpec(spec, elsewhere)).toBe(true);
  });

  it('changes with everything that decides the result', async () => {
    const spec = defaultSpec();
    const changed = [
      id({ ...spec, sparsity: 0.6 }),
      id({ ...spec, seed: 1 }),
      id({ ...spec, seeds: [0, 1] }),
      id({ ...spec, seeds: [0, 2] }),
      id({ ...spec, betas: [0] }),
      id(spec, { modelSha256: 'x' }),
      id(spec, { textSha256: ['b', 'c', 'x'] }),
      id(spec, { engineVersion: '2' }),
      id(spec),
    ];
    expect(new Set(await Promise.all(changed)).size).toBe(changed.length);
    expect(sameSpec(spec, { ...spec, seeds: [0, 1] })).toBe(false);
  });
});

describe('seeds', () => {
  it('reads a comma list and refuses what is no list of seeds', () => {
    expect(parseSeeds('--seeds', '0, 2,1')).toEqual([0, 2, 1]);
    for (const text of ['', '1,', '-1', '1.5', 'a', '1,1', Array.from({ length: 40 }, (_, i) => i).join()])
      expect(() => parseSeeds('--seeds', text)).toThrow('--seeds');
  });

  it('wants the main seed among them', () => {
    expect(seedsProblem([0, 1], 0)).toBeNull();
    expect(seedsProblem([1, 2], 0)).toContain('main seed 0');
  });
});
