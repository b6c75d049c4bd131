/** Cases of the kernels that choose masks, and of the margins of what they chose: hardware alone uses them. */
import type { FloatDtype } from '../../core/dtypes';
import { bySpeed } from '../../ops/choose';
import { expectClose } from '../../ops/compare';
import { rowMargin } from '../../ops/rowMargin';
import { rowMarginRef } from '../../ops/rowMargin.ref';
import {
  maskFromRanks,
  rankRows,
  selectGroups,
  selectMatrix,
  selectRows,
  type SelectVariant,
} from '../../ops/select';
import { groupsRef, matrixRef, rowsRef } from '../../ops/select.ref';
import { maskFromRanks as maskFromRanksCpu, rowRanks } from '../../ops/selectCpu';
import type { MatrixRule } from '../../ops/selectRules';
import { upload } from '../../ops/trial';
import { NO_VARIANTS, type KernelCheck, type Rig } from './check';
import { countsFor, each, expectMask, poisonedMask, scored, scoresOf } from './hardRows';

type SelectKind = 'rows' | 'inclusive' | 'exact' | 'groups';

function selectCheck(kind: SelectKind, dtype: FloatDtype, withNorms: boolean, thorough?: true): KernelCheck {
  const choices =
    kind === 'rows'
      ? {
          variants: () => ['lane', 'group'],
          choose: (ctx: Rig['ctx']) => bySpeed(ctx, 'selectRows', 'lane', 'group'),
        }
      : NO_VARIANTS;
  return {
    op: kind === 'rows' ? 'selectRows' : kind === 'groups' ? 'selectGroups' : 'selectMatrix',
    what: `${kind} ${dtype}${withNorms ? ' with norms' : ''}`,
    ...choices,
    fallback: 'select',
    thorough,
    async run(rig, variant) {
      const s = scored(rig, 72, dtype, withNorms);
      const scores = scoresOf(s, dtype);
      const mask = poisonedMask(rig, s.rows, s.cols);
      if (kind === 'rows') {
        const counts = countsFor(s.rows, s.cols);
        await selectRows(rig.rec, s.weight, s.norms, upload(rig, counts), mask, {
          variant: variant as SelectVariant,
        });
        await expectMask(rig, mask, rowsRef(scores, s.cols, counts));
      } else if (kind === 'groups') {
        await selectGroups(rig.rec, s.weight, s.norms, { keep: 3, group: 8 }, mask);
        await expectMask(rig, mask, groupsRef(scores, s.cols, { keep: 3, group: 8 }));
      } else {
        const at = Math.trunc(s.rows * s.cols * 0.45);
        const rule: MatrixRule =
          kind === 'exact' ? { rule: 'exact', count: at } : { rule: 'inclusive', index: at };
        await selectMatrix(rig.rec, s.weight, s.norms, rule, mask);
        await expectMask(rig, mask, matrixRef(scores, s.cols, rule));
      }
    },
  };
}

const ranksCheck: KernelCheck = {
  op: 'maskFromRanks',
  what: '10 x 72',
  ...NO_VARIANTS,
  fallback: 'select',
  async run(rig) {
    const s = scored(rig, 72, 'F32', true);
    const counts = countsFor(s.rows, s.cols);
    const ranks = rowRanks(s.bytes, 'F32', s.rows, s.cols, s.hostNorms);
    const mask = poisonedMask(rig, s.rows, s.cols);
    const packed = new Uint8Array(ranks.buffer, ranks.byteOffset, ranks.byteLength);
    await maskFromRanks(rig.rec, upload(rig, packed), upload(rig, counts), mask);
    await expectMask(rig, mask, maskFromRanksCpu(ranks, s.rows, s.cols, counts));
  },
};

const rankCheck: KernelCheck = {
  op: 'rankRows',
  what: '10 x 72',
  ...NO_VARIANTS,
  fallback: 'select',
  async run(rig) {
    const s = scored(rig, 72, 'BF16', true);
    const want = rowRanks(s.bytes, 'BF16', s.rows, s.cols, s.hostNorms);
    const ranks = upload(rig, new Uint8Array(want.byteLength).fill(0xff));
    await rankRows(rig.rec, s.weight, s.norms, ranks);
    expectClose(new Uint16Array(await rig.rec.read(ranks, 0, want.byteLength)), want, () => 0);
  },
};

function rowMarginCheck(dtype: FloatDtype, withNorms: boolean, thorough?: true): KernelCheck {
  return {
    op: 'rowMargin',
    what: `${dtype}${withNorms ? ' with norms' : ''}`,
    ...NO_VARIANTS,
    thorough,
    async run(rig) {
      const s = scored(rig, 72, dtype, withNorms);
      const scores = scoresOf(s, dtype);
      const words = rowsRef(scores, s.cols, countsFor(s.rows, s.cols));
      const mask = poisonedMask(rig, s.rows, s.cols);
      rig.rec.write(mask.buffer, 0, words);
      const out = upload(rig, new Float32Array(s.rows * 2).fill(NaN));
      await rowMargin(rig.rec, s.weight, s.norms, mask, out);
      expectClose(await rig.rec.readF32(out, s.rows * 2), rowMarginRef(scores, s.cols, words), () => 0);
    },
  };
}

export const SELECT_CHECKS: readonly KernelCheck[] = [
  ...each((d, t) => selectCheck('rows', d, true, t), 'F16'),
  ...each((d, t) => selectCheck('rows', d, false, t), 'BF16'),
  ...each((d, t) => selectCheck('inclusive', d, false, t), 'F16'),
  ...each((d, t) => selectCheck('exact', d, true, t), 'F32'),
  ...each((d, t) => selectCheck('groups', d, true, t), 'BF16'),
  ...each((d, t) => selectCheck('groups', d, false, t), 'F16'),
  ranksCheck,
  rankCheck,
  ...each((d, t) => rowMarginCheck(d, true, t), 'F16'),
  ...each((d, t) => rowMarginCheck(d, false, t), 'BF16'),
];
