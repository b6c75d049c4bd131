import { describe, expect, it } from 'vitest';
import type { DeviceRecord, RunReport } from '../core/report';
import { defaultSpec } from '../core/spec';
import { compareReplay, describeReplay } from './replay';

const DEVICE: DeviceRecord = {
  vendor: 'v',
  architecture: 'a',
  description: 'd',
  software: false,
  features: ['f16', 'subgroups'],
  backend: 'dawn-node',
};

type Part = Parameters<typeof compareReplay>[0];

function report(change: Partial<Part> = {}): Part {
  const text = { source: 's', sha256: 't', windows: 1, window: 2, tokens: 2 };
  const model = { sha256: 'm' } as RunReport['model'];
  return {
    id: 'one',
    spec: defaultSpec(),
    model,
    device: DEVICE,
    texts: { calibration: text, select: text, report: text },
    masks: { a: '1', b: '2' },
    margin: 1e-5,
    ...change,
  };
}

describe('compareReplay', () => {
  it('finds the same masks on the same device, and says so', () => {
    const now = report({ spec: { ...defaultSpec(), model: '/elsewhere' } });
    const replay = compareReplay(report(), now);
    expect(replay).toEqual({
      of: 'one',
      sameDevice: true,
      sameMasks: true,
      matrices: 2,
      differingMatrices: 0,
      differing: 0,
      margin: 1e-5,
    });
    expect(replay && describeReplay(replay)).toBe(
      'The run was repeated on the same device: every mask is the same.',
    );
  });

  it('counts masks that differ by their hashes, with the smaller margin', () => {
    const now = report({
      device: { ...DEVICE, vendor: 'w' },
      masks: { a: '1', b: 'x' },
      margin: 3e-8,
    });
    const replay = compareReplay(report(), now);
    expect(replay).toMatchObject({
      sameDevice: false,
      sameMasks: false,
      matrices: 2,
      differingMatrices: 1,
      margin: 3e-8,
    });
    expect(replay && describeReplay(replay)).toMatch(
      /another device: 1 of 2 masks differ; prunelab prune --spec with the export folder.*3\.0e-8/,
    );
  });

  it('gives the exact share where the zeros were compared', () => {
    const zeros = { a: { differing: 0, count: 100 }, b: { differing: 3, count: 200 } };
    const replay = compareReplay(report(), report({ masks: { a: '1', b: 'x' } }), zeros);
    expect(replay).toMatchObject({ differing: 0.01, byMatrix: { b: 0.015 }, differingMatrices: 1 });
    expect(replay && describeReplay(replay)).toContain('1.00 % of the prunable weights are kept in one run');
    // Reports without hashes are compared by their zeros.
    const old = report();
    delete old.masks;
    expect(compareReplay(old, report(), zeros)).toMatchObject({
      sameMasks: false,
      matrices: 2,
      differingMatrices: 1,
    });
    const unknown = compareReplay(old, report());
    expect(unknown).toMatchObject({ sameMasks: null, matrices: 0 });
    expect(unknown && describeReplay(unknown)).toContain('cannot be compared');
  });

  it('is silent about another experiment', () => {
    const text = { source: 's', sha256: 'x', windows: 1, window: 2, tokens: 2 };
    expect(compareReplay(report(), report({ spec: { ...defaultSpec(), sparsity: 0.6 } }))).toBeNull();
    expect(compareReplay(report(), report({ model: { sha256: 'n' } as RunReport['model'] }))).toBeNull();
    expect(
      compareReplay(report(), report({ texts: { calibration: text, select: text, report: text } })),
    ).toBeNull();
  });

  it('takes the order of the features for nothing', () => {
    const turned = report({ device: { ...DEVICE, features: ['subgroups', 'f16'] } });
    expect(compareReplay(report(), turned)?.sameDevice).toBe(true);
  });
});
