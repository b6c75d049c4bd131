import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFakeLab } from '../testing/fakeLab';
import { LabError } from './errors';
import type { RunReport } from './report';
import { defaultSpec } from './spec';
import { parseStoredReport, type ForgottenFields } from './storedReport';

async function realisticReport(): Promise<RunReport> {
  const lab = createFakeLab({ layers: 3, layerMs: 0 });
  const spec = { ...defaultSpec(), beta: 0.1 };
  const report = await lab.run(1, spec);
  const curve = await lab.sweep(2, spec, { kind: 'exact', betas: [0, 0.1] });
  return JSON.parse(JSON.stringify({ ...report, curve })) as RunReport;
}
const report = await realisticReport();

const failure = (value: unknown): LabError | null => {
  try {
    parseStoredReport('r.json', value);
    return null;
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
};

describe('parseStoredReport', () => {
  test('no field of a report is forgotten', () => {
    const none: [ForgottenFields] extends [never] ? true : ForgottenFields = true;
    expect(none).toBe(true);
  });

  test('a report survives the way to a file and back whole', () => {
    expect(parseStoredReport('r.json', report)).toEqual({ report, files: null });
  });

  test('an export brings the hashes of its files; what is not known is left out', () => {
    const files = { 'model.safetensors': 'ab' };
    const parsed = parseStoredReport('pruning.json', { ...report, files, tensors: {}, madeUp: 1 });
    expect(parsed).toEqual({ report, files });
  });

  test.each([
    ['another schema', { ...report, schema: 'prunelab.run/9' }, /prunelab\.run\/9/],
    ['an unknown key of the spec', { ...report, spec: { ...report.spec, nope: 1 } }, /nope/],
    [
      'a figure that is text',
      { ...report, perplexity: { ...report.perplexity, dense: '1' } },
      /perplexity\.dense/,
    ],
    [
      'rates for other layers',
      { ...report, allocation: { ...report.allocation, sparsity: [0.7] } },
      /1 entries for 3/,
    ],
    ['a sparsity of 2', { ...report, sparsity: { ...report.sparsity, achieved: 2 } }, /sparsity\.achieved/],
    ['a list', [], /not a report/],
    ['null', null, /not a report/],
  ])('%s is refused by name', (_, value, message) => {
    const error = failure(value);
    expect(error?.kind).toBe('SpecError');
    expect(error?.message).toMatch(message);
  });

  test('whatever stands in its place: a report that can be drawn, or a SpecError in one line', () => {
    const places: string[][] = [];
    const walk = (node: unknown, path: string[]): void => {
      if (path.length > 0) places.push(path);
      if (typeof node === 'object' && node !== null)
        for (const key of Object.keys(node)) walk((node as Record<string, unknown>)[key], [...path, key]);
    };
    walk(report, []);
    const strange = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(-1, 1e308, 2 ** 60, '', null, [], {}, 'x'.repeat(5000), {
        __proto__: null,
        constructor: 1,
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), strange, (path, value) => {
        const copy = structuredClone(report) as unknown as Record<string, unknown>;
        const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
        parent[path.at(-1) ?? ''] = value;
        const error = failure(copy);
        if (error) {
          expect(error.kind).toBe('SpecError');
          expect(error.message.length).toBeLessThan(1000);
          return;
        }
        const { report: read } = parseStoredReport('r.json', copy);
        expect(read.errors?.layers.length ?? 3).toBe(3);
        expect(read.allocation?.sparsity.every((s) => s >= 0 && s <= 1) ?? true).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
