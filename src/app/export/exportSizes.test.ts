import { describe, expect, it } from 'vitest';
import { DEFAULT_SPEC, type LabSpec } from '../../core/spec';
import type { ModelSummary } from '../../session/protocol';
import { formatSizes } from './exportSizes';

/** Two matrices of 16-bit weights, 8 x 64 and 16 x 8, and 1000 bytes beside them. */
const model = {
  architecture: 'LlamaForCausalLM',
  dtype: 'F16',
  prunable: 640,
  matrices: [
    { name: 'a.weight', layer: 0, rows: 8, cols: 64, count: 512 },
    { name: 'b.weight', layer: 0, rows: 16, cols: 8, count: 128 },
  ],
} as unknown as ModelSummary;
const spec = (more: Partial<LabSpec>): LabSpec => ({ ...DEFAULT_SPEC, model: 'm', sparsity: 0.5, ...more });

describe('formatSizes', () => {
  it('counts values, mask, row offsets and shape of an archive, and what stays dense', () => {
    const rows = formatSizes(model, spec({}), null, 2280);
    expect(rows.map(({ format }) => format)).toEqual(['zeros', 'bitmask', 'csr']);
    const [zeros, bitmask, csr] = rows;
    expect(zeros).toEqual({ format: 'zeros', disk: 2280, memory: 2280, limit: { matrices: 1, model: 1 } });
    // 320 kept values of two bytes; mask rows of 8 and 1 bytes; offsets of 8 bytes a row; two shapes of 16 bytes.
    expect(bitmask?.disk).toBe(1000 + 640 + (8 * 8 + 16 * 1) + (8 + 16) * 8 + 32);
    // In memory mask rows are whole 32-bit words and offsets 4 bytes, one more than rows.
    const memory = 640 + (8 * 8 + 16 * 4) + (9 + 17) * 4;
    expect(bitmask?.memory).toBe(1000 + memory);
    expect(bitmask?.limit.matrices).toBeCloseTo(1280 / memory, 12);
    expect(bitmask?.limit.model).toBeCloseTo(2280 / (1000 + memory), 12);
    expect(csr?.disk).toBeNull();
  });

  it('has a row for K:M, with a file for 2:4 only', () => {
    const km = (pattern: string): ReturnType<typeof formatSizes>[number] | undefined =>
      formatSizes(model, spec({ pattern }), null, 2280).find(({ format }) => format === 'km');
    expect(km('2:4')?.disk).toBe(1000 + 640 + 64 + 16 + 32);
    expect(km('4:8')?.disk).toBeNull();
    expect(km('4:8')?.memory).toBeGreaterThan(1640);
  });

  it("counts GPT-2's rows as its file has them, and no 2:4 file", () => {
    const gpt2 = { ...model, architecture: 'GPT2LMHeadModel' };
    const rows = formatSizes(gpt2, spec({ pattern: '2:4' }), null, 2280);
    // 64 rows of 8 and 8 rows of 16 columns.
    expect(rows.find(({ format }) => format === 'bitmask')?.disk).toBe(
      1000 + 640 + (64 + 8 * 2) + (64 + 8) * 8 + 32,
    );
    expect(rows.find(({ format }) => format === 'km')?.disk).toBeNull();
  });

  it('takes the zeros of a report where there is one', () => {
    const matrices = { 'a.weight': { zeros: 512, count: 512 }, 'b.weight': { zeros: 128, count: 128 } };
    const report = { sparsity: { requested: 0.5, achieved: 1, layers: [1], matrices } };
    const rows = formatSizes(model, spec({}), report as never, 2280);
    expect(rows.find(({ format }) => format === 'bitmask')?.disk).toBe(1000 + 80 + 192 + 32);
  });
});
