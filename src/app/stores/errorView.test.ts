import { describe, expect, it } from 'vitest';
import { defaultSpec } from '../../core/spec';
import { deriveErrorView, type ErrorViewInput } from './errorView';
import type { PreviewRecord, RunRecord } from './runStore';

const row = (cumulative: number) => ({
  cumulative,
  local: cumulative / 2,
  inPlace: cumulative / 4,
  inherited: cumulative / 8,
  cross: 0,
  dense: 100,
});

function run(beta: number, cumulative: number[], complete = true): RunRecord {
  return {
    key: `run ${beta}`,
    spec: { ...defaultSpec(), beta },
    kind: 'exact',
    text: 'calibration',
    tokens: 10,
    hidden: 4,
    rows: cumulative.map(row),
    report: complete ? ({} as RunRecord['report']) : null,
  };
}

function drag(beta: number, cumulative: number[]): PreviewRecord {
  return {
    key: `drag ${beta}`,
    spec: { ...defaultSpec(), beta },
    tokens: 10,
    hidden: 4,
    layers: cumulative.map((c) => ({ cumulative: c, dense: 100 })),
  };
}

const nothing: ErrorViewInput = {
  layers: 3, view: 'absolute', run: null, live: null, last: null, preview: null, uniform: null, previewUniform: null, pinned: null,
}; // prettier-ignore

describe('deriveErrorView', () => {
  it('keeps a row per layer before anything has arrived', () => {
    const model = deriveErrorView(nothing);
    expect(model.rows.map(({ layer }) => layer)).toEqual([1, 2, 3]);
    expect(model).toMatchObject({ state: 'empty', kind: null, tokens: null });
    expect(model.caption).toMatch(/pending\.$/);
  });

  it('shows rows as they arrive, the rest empty', () => {
    const model = deriveErrorView({ ...nothing, live: run(0, [1, 2], false) });
    expect(model.state).toBe('arriving');
    expect(model.rows.map(({ cumulative }) => cumulative)).toEqual([1, 2, null]);
  });

  it('never mixes a drag into the line of a run', () => {
    const last = run(0, [1, 2, 3]);
    const model = deriveErrorView({ ...nothing, last, preview: drag(0.1, [4, 5, 6]), uniform: last });
    expect(model).toMatchObject({ state: 'preview', kind: 'preview', partsBeta: 0, previewBeta: 0.1 });
    expect(model.rows[2]).toMatchObject({
      preview: 6,
      cumulative: null,
      local: null,
      oldLocal: 1.5,
      uniform: 3,
    });
    expect(model.caption).toContain('preview');

    const complete = deriveErrorView({
      ...nothing,
      run: run(0.1, [7, 8, 9]),
      last,
      preview: drag(0.1, [4, 5, 6]),
    });
    expect(complete.rows[2]).toMatchObject({ preview: null, cumulative: 9, oldLocal: null });
    expect(complete).toMatchObject({ state: 'complete', kind: 'exact', partsBeta: null });
  });

  it('puts a preview of the uniform run behind a drag when there is one', () => {
    const model = deriveErrorView({
      ...nothing,
      view: 'ratio',
      preview: drag(0.1, [1, 2, 3]),
      uniform: run(0, [100, 100, 100]),
      previewUniform: drag(0, [2, 4, 12]),
    });
    expect(model.rows.map(({ preview }) => preview)).toEqual([0.5, 0.5, 0.25]);
    expect(model.rows.map(({ uniform }) => uniform)).toEqual([1, 1, 1]);
  });

  it('scales by the view', () => {
    const complete = run(0.1, [10, 20, 40]);
    const uniform = run(0, [20, 20, 20]);
    const third = (view: ErrorViewInput['view']) =>
      deriveErrorView({ ...nothing, view, run: complete, uniform }).rows[2];
    expect(third('absolute')).toMatchObject({ cumulative: 40, local: 20, uniform: 20 });
    expect(third('perElement')).toMatchObject({ cumulative: 1, local: 0.5, uniform: 0.5 });
    expect(third('relative')).toMatchObject({ cumulative: 0.4, uniform: 0.2 });
    expect(third('ratio')).toMatchObject({ cumulative: 2, local: 2, uniform: 1 });
  });

  it('has no ratio where there is nothing to compare with', () => {
    const zero = run(0, [0, 0, 0]);
    expect(
      deriveErrorView({ ...nothing, view: 'ratio', run: zero, uniform: zero }).rows[0]?.cumulative,
    ).toBeNull();
    expect(deriveErrorView({ ...nothing, view: 'ratio', run: zero }).rows[0]?.cumulative).toBeNull();
  });
});
