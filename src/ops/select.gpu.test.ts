import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import {
  awkwardNorms,
  awkwardWeight,
  DTYPES,
  expectMask,
  normalWeight,
  poisonedMask,
  readMask,
  uploadCase,
  variedCounts,
  WIDTHS,
} from '../testing/maskCases';
import { runOnGpu, upload, uploadVec, withGpu, type GpuFixture } from '../testing/gpuFixture';
import { groupsRef, matrixRef, rowsRef, scoresRef } from './select.ref';
import { maskFromRanks, rankRows, selectGroups, selectMatrix, selectRows } from './select';
import { rowRanks, selectMatrixCpu, selectRowsCpu } from './selectCpu';
import type { MatrixRule } from './selectRules';
import type { Vec } from './types';

const NORM_KINDS = ['none', 'usual', 'special', 'tiny'] as const;
type NormKind = (typeof NORM_KINDS)[number];
const DTYPE_NORMS = DTYPES.flatMap((dtype) => NORM_KINDS.map((kind) => [dtype, kind] as const));
/** Smaller than the number of rows, and odd: shards and rows of 16-bit types begin anywhere in a word. */
const SHARD_ROWS = 7;

function normsOf(
  fixture: GpuFixture,
  cols: number,
  kind: NormKind,
): { data: Float32Array | null; vec: Vec | null } {
  if (kind === 'none') return { data: null, vec: null };
  const data = awkwardNorms(cols)[kind];
  return { data, vec: uploadVec(fixture, data) };
}

describe('rows', () => {
  // The workgroup variant compiles slowly in software: scores are the same code, so odd norms meet one type only.
  const forGroups = DTYPE_NORMS.filter(([dtype, kind]) => dtype === 'F32' || kind === 'usual');
  const table = [
    ...DTYPE_NORMS.map((row) => ['lane', ...row] as const),
    ...forGroups.map((row) => ['group', ...row] as const),
  ];
  test.each(table)('%s, %s, norms %s', async (variant, dtype, kind) => {
    await runOnGpu(async (fixture) => {
      for (const [i, cols] of WIDTHS.entries()) {
        const w = awkwardWeight(cols, dtype);
        const weight = uploadCase(fixture, w, SHARD_ROWS);
        const { data, vec } = normsOf(fixture, cols, kind);
        const scores = scoresRef(w.values, cols, data);
        for (const turn of [i, i + 3]) {
          const counts = variedCounts(w.rows, cols, turn);
          const out = poisonedMask(fixture, w.rows, cols);
          await selectRows(fixture.rec, weight, vec, upload(fixture, counts), out, { variant });
          const got = await readMask(fixture, out);
          expectMask(got, rowsRef(scores, cols, counts), cols, `${cols} columns, turn ${turn}`);
          expectMask(got, selectRowsCpu(w.bytes, dtype, w.rows, cols, data, counts), cols, 'CPU');
        }
      }
    });
  });

  test(
    'counts above the width act like the width',
    withGpu(async (fixture) => {
      const w = normalWeight(4, 40, 'F32');
      const weight = uploadCase(fixture, w);
      const counts = upload(fixture, Uint32Array.of(41, 0xffffffff, 40, 39));
      for (const variant of ['lane', 'group'] as const) {
        const out = poisonedMask(fixture, 4, 40);
        await selectRows(fixture.rec, weight, null, counts, out, { variant });
        expectMask(
          await readMask(fixture, out),
          rowsRef(scoresRef(w.values, 40, null), 40, [40, 40, 40, 39]),
          40,
          variant,
        );
      }
    }),
  );

  test(
    'split into many short dispatches',
    withGpu(async (fixture) => {
      const w = normalWeight(50, 33, 'BF16');
      const weight = uploadCase(fixture, w, 20);
      const counts = variedCounts(50, 33, 0);
      const want = rowsRef(scoresRef(w.values, 33, null), 33, counts);
      Object.defineProperty(fixture.rec, 'maxCost', { value: 5e4 });
      for (const variant of ['lane', 'group'] as const) {
        const before = fixture.rec.work.dispatches;
        const out = poisonedMask(fixture, 50, 33);
        await selectRows(fixture.rec, weight, null, upload(fixture, counts), out, { variant });
        expectMask(await readMask(fixture, out), want, 33, variant);
        expect(fixture.rec.work.dispatches - before).toBeGreaterThan(5);
      }
    }),
  );

  test(
    'wrong shapes are refused before anything is recorded',
    withGpu(async (fixture) => {
      const weight = uploadCase(fixture, normalWeight(4, 40, 'F32'));
      const counts = upload(fixture, new Uint32Array(4));
      const out = poisonedMask(fixture, 4, 40);
      const short = { ...uploadVec(fixture, new Float32Array(40)), length: 39 };
      await expect(selectRows(fixture.rec, weight, short, counts, out)).rejects.toThrow('norms');
      await expect(selectRows(fixture.rec, weight, null, counts, { ...out, cols: 39 })).rejects.toThrow(
        'mask',
      );
      await expect(selectGroups(fixture.rec, weight, null, { keep: 1, group: 3 }, out)).rejects.toThrow(
        'do not divide',
      );
      expect(fixture.rec.work.dispatches).toBe(0);
    }),
  );
});

describe('matrix', () => {
  test.each(DTYPE_NORMS)('%s, norms %s', async (dtype, kind) => {
    await runOnGpu(async (fixture) => {
      for (const cols of [1, 33, 576]) {
        const w = awkwardWeight(cols, dtype);
        const weight = uploadCase(fixture, w, SHARD_ROWS);
        const { data, vec } = normsOf(fixture, cols, kind);
        const scores = scoresRef(w.values, cols, data);
        const total = w.rows * cols;
        const rules: MatrixRule[] = [0, 1, 0.3, 0.7, 1].flatMap((s): MatrixRule[] => {
          const n = Math.trunc(total * s);
          return [
            { rule: 'exact', count: n },
            { rule: 'inclusive', index: n },
          ];
        });
        rules.push({ rule: 'exact', count: 1 }, { rule: 'inclusive', index: total - 1 });
        for (const rule of rules) {
          const out = poisonedMask(fixture, w.rows, cols);
          await selectMatrix(fixture.rec, weight, vec, rule, out);
          const got = await readMask(fixture, out);
          expectMask(got, matrixRef(scores, cols, rule), cols, `${JSON.stringify(rule)} of ${total}`);
          expectMask(got, selectMatrixCpu(w.bytes, dtype, w.rows, cols, data, rule), cols, 'CPU');
        }
      }
    });
  });

  test(
    'ties far into the matrix, several workgroups, split dispatches',
    withGpu(async (fixture) => {
      const rows = 300;
      const cols = 257;
      const w = normalWeight(rows, cols, 'BF16', 9);
      const weight = uploadCase(fixture, w, 120);
      const scores = scoresRef(w.values, cols, null);
      Object.defineProperty(fixture.rec, 'maxCost', { value: 5e5 });
      for (const count of [255, 65537, 70001]) {
        const rule: MatrixRule = { rule: 'exact', count };
        const out = poisonedMask(fixture, rows, cols);
        await selectMatrix(fixture.rec, weight, null, rule, out);
        expectMask(await readMask(fixture, out), matrixRef(scores, cols, rule), cols, `exact ${count}`);
      }
      // More than 2^16 equal scores: three digits of the index decide.
      const equal = {
        ...w,
        bytes: new Uint8Array(w.bytes.length),
        values: new Float32Array(w.values.length),
      };
      const zeros = uploadCase(fixture, equal, 120);
      const out = poisonedMask(fixture, rows, cols);
      await selectMatrix(fixture.rec, zeros, null, { rule: 'exact', count: 66000 }, out);
      const want = matrixRef(scoresRef(equal.values, cols, null), cols, { rule: 'exact', count: 66000 });
      expectMask(await readMask(fixture, out), want, cols, 'all equal');
    }),
  );
});

describe('groups', () => {
  const patterns = [[1, 1, 1], [32, 2, 4], [40, 4, 8], [33, 1, 3], [105, 2, 5], [64, 0, 32], [64, 20, 32], [62, 3, 31], [576, 2, 4], [2048, 4, 8]] as const; // prettier-ignore
  test.each(DTYPE_NORMS)('%s, norms %s', async (dtype: FloatDtype, kind) => {
    await runOnGpu(async (fixture) => {
      for (const [cols, keep, group] of patterns) {
        const w = awkwardWeight(cols, dtype);
        const weight = uploadCase(fixture, w, SHARD_ROWS);
        const { data, vec } = normsOf(fixture, cols, kind);
        const out = poisonedMask(fixture, w.rows, cols);
        await selectGroups(fixture.rec, weight, vec, { keep, group }, out);
        const want = groupsRef(scoresRef(w.values, cols, data), cols, { keep, group });
        expectMask(await readMask(fixture, out), want, cols, `${keep}:${group} of ${cols}`);
      }
    });
  });
});

test(
  'mask from cached ranks',
  withGpu(async (fixture) => {
    Object.defineProperty(fixture.rec, 'maxCost', { value: 5e4 });
    for (const cols of WIDTHS) {
      const w = awkwardWeight(cols, 'F32');
      const norms = awkwardNorms(cols).usual;
      const ranks = rowRanks(w.bytes, 'F32', w.rows, cols, norms);
      const packed = upload(fixture, new Uint8Array(ranks.buffer));
      for (const turn of [0, 4]) {
        const counts = variedCounts(w.rows, cols, turn);
        const out = poisonedMask(fixture, w.rows, cols);
        await maskFromRanks(fixture.rec, packed, upload(fixture, counts), out);
        expectMask(
          await readMask(fixture, out),
          rowsRef(scoresRef(w.values, cols, norms), cols, counts),
          cols,
          `${cols}`,
        );
      }
    }
  }),
);

test(
  'ranks made on the GPU are those of the CPU, bit for bit',
  withGpu(async (fixture) => {
    const compare = async (
      w: ReturnType<typeof awkwardWeight>,
      cols: number,
      dtype: FloatDtype,
      kind: NormKind,
    ): Promise<void> => {
      const { data, vec } = normsOf(fixture, cols, kind);
      const want = rowRanks(w.bytes, dtype, w.rows, cols, data);
      const ranks = upload(fixture, new Uint8Array(Math.ceil(want.byteLength / 4) * 4).fill(0xff));
      await rankRows(fixture.rec, uploadCase(fixture, w, SHARD_ROWS), vec, ranks);
      const got = new Uint16Array(await fixture.rec.read(ranks, 0, Math.ceil(want.byteLength / 4) * 4));
      expect(got.subarray(0, want.length)).toEqual(want);
    };
    for (const cols of WIDTHS) await compare(awkwardWeight(cols, 'F32'), cols, 'F32', 'special');
    await compare(awkwardWeight(37, 'BF16'), 37, 'BF16', 'usual');
    await compare(awkwardWeight(64, 'F16'), 64, 'F16', 'none');
    // More columns than a workgroup takes at a time, and ties across its tiles.
    await compare(normalWeight(3, 1300, 'BF16'), 1300, 'BF16', 'none');
  }),
);
