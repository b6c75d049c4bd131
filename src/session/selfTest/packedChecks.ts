/** Cases of the kernels over packed weights; tried before they are measured or generate. */
import { readAct, normals, poisonedAct, uploadAct, uploadVec } from '../../ops/trial';
import type { FloatDtype } from '../../core/dtypes';
import type { Groups } from '../../core/sparseSizes';
import { applyMask } from '../../ops/applyMask';
import { expectClose } from '../../ops/compare';
import { copy } from '../../ops/copy';
import { matvecRef } from '../../ops/matvec.ref';
import type { PackedFormat } from '../../ops/packed';
import {
  choosePacked,
  packedMatvec,
  packedVariants,
  unpack,
  type PackedVariant,
} from '../../ops/packedMatvec';
import { packedTrial } from '../../ops/packedTrial';
import { PEAK_VARIANTS, peakFma } from '../../ops/peakFma';
import { peakFmaRef } from '../../ops/peakFma.ref';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { LabError } from '../../core/errors';
import { NO_VARIANTS, type KernelCheck } from './check';
import { DTYPES } from './forwardChecks';

function matvecCheck(format: PackedFormat, dtype: FloatDtype, groups: Groups | null): KernelCheck {
  const of = { format, groups };
  const [n, k] = [21, 2116];
  return {
    op: 'packedMatvec',
    what: `${format} ${n} x ${k} ${dtype}`,
    variants: () => packedVariants(of).map((variant) => `${format}.${variant}`),
    choose: (ctx) => `${format}.${choosePacked(ctx, of)}`,
    async run(rig, id) {
      const trial = packedTrial(rig, { rows: n, cols: k, dtype, format, ...(groups ? { groups } : {}), shardRows: 12 }); // prettier-ignore
      const [x, bias] = [normals(k, 8), normals(n, 9)];
      const out = poisonedAct(rig, 1, n);
      await packedMatvec(rig.rec, uploadAct(rig, x, k), trial.packed, out, {
        bias: uploadVec(rig, bias),
        variant: id.split('.')[1] as PackedVariant,
      });
      const ref = matvecRef(x, trial.values, k, { bias, keep: trial.keep });
      expectClose(await readAct(rig, out), ref.values, (i) => OP_TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0));
    },
  };
}

/** Written out it must be the masked copy to the bit. */
function unpackCheck(format: PackedFormat, dtype: FloatDtype): KernelCheck {
  const [rows, cols] = [13, 100];
  return {
    op: 'unpack',
    what: `${format} ${rows} x ${cols} ${dtype}`,
    ...NO_VARIANTS,
    async run(rig) {
      const shape = { rows, cols, dtype, format };
      const trial = packedTrial(rig, shape);
      const [want, out] = [packedTrial(rig, shape).weight, packedTrial(rig, shape).weight];
      await applyMask(rig.rec, trial.weight, trial.mask, want);
      await unpack(rig.rec, trial.packed, out);
      const bytes = rows * cols * (dtype === 'F32' ? 4 : 2);
      const pieces = [want, out].flatMap(({ shards }) => shards.map(({ buffer }) => ({ buffer, bytes })));
      const [a, b] = (await rig.rec.readMany(pieces)).map((data) => new Uint8Array(data));
      const at = a?.findIndex((byte, i) => byte !== b?.[i]) ?? 0;
      if (at >= 0) throw new LabError('InternalError', `unpack: byte ${at} of ${format} is wrong.`);
    },
  };
}

const copyCheck: KernelCheck = {
  op: 'copy',
  what: '300 values',
  ...NO_VARIANTS,
  async run(rig) {
    const x = uploadAct(rig, normals(300, 10), 300);
    const out = poisonedAct(rig, 1, 300);
    await copy(rig.rec, x.buffer, out.buffer, 1200);
    expectClose(await readAct(rig, out), normals(300, 10), () => 0);
  },
};

const peakCheck: KernelCheck = {
  op: 'peakFma',
  what: '100 lanes, fused and not',
  ...NO_VARIANTS,
  thorough: true,
  async run(rig) {
    for (const variant of PEAK_VARIANTS) {
      for (const trips of [0, 1, 5]) {
        const out = poisonedAct(rig, 1, 100);
        await peakFma(rig.rec, out.buffer, { lanes: 100, trips, variant });
        const want = Float64Array.from({ length: 100 }, (_, lane) => peakFmaRef(lane, trips));
        expectClose(await readAct(rig, out), want, (_, value) => OP_TOLERANCE.peakFma(value));
      }
    }
  },
};

export const PACKED_CHECKS: readonly KernelCheck[] = DTYPES.flatMap((dtype) => [
  matvecCheck('bitmask', dtype, null),
  matvecCheck('csr', dtype, null),
  matvecCheck('km', dtype, { keep: 2, group: 4 }),
  unpackCheck('bitmask', dtype),
  unpackCheck('csr', dtype),
]).concat(copyCheck, peakCheck);
