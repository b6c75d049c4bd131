/** Cases of the kernels that collect statistics of a layer's inputs beside their energies. */
import { columnMoments } from '../../ops/columnMoments';
import { columnMomentsRef } from '../../ops/columnMoments.ref';
import { expectClose } from '../../ops/compare';
import { gram, readGram } from '../../ops/gram';
import { gramRef } from '../../ops/gram.ref';
import { momentChunks } from '../../ops/statisticShapes';
import { OP_TOLERANCE } from '../../ops/tolerances';
import { normals, poisonedAct, readAct, upload, uploadAct } from '../../ops/trial';
import { NO_VARIANTS, type KernelCheck } from './check';

const columnMomentsCheck: KernelCheck = {
  op: 'columnMoments',
  what: '3 sequences of 37, 70 columns, chunks of 16',
  ...NO_VARIANTS,
  async run(rig) {
    const [sequences, length, cols, rowsPerChunk] = [3, 37, 70, 16];
    // A mean far from 0: what is not taken off before squaring shows.
    const x = normals(sequences * length * cols, 26).map((v, i) => v + 50 * (i % 3));
    const out = poisonedAct(rig, sequences * momentChunks(length, rowsPerChunk) * 2, cols);
    await columnMoments(rig.rec, uploadAct(rig, x, cols), out.buffer, { length, rowsPerChunk });
    const got = await readAct(rig, out);
    const points = columnMomentsRef(x, cols, length, rowsPerChunk);
    const half = (which: 0 | 1): number[] =>
      points.map((_, i) => got[(Math.floor(i / cols) * 2 + which) * cols + (i % cols)] ?? NaN);
    expectClose(half(0), points.map((p) => p.sum), points.map(OP_TOLERANCE.columnSum), 'sums'); // prettier-ignore
    expectClose(half(1), points.map((p) => p.squares), points.map(OP_TOLERANCE.columnSquares), 'squares'); // prettier-ignore
  },
};

/** Its products are matmul's: to be tried when those have been. */
const gramCheck: KernelCheck = {
  op: 'gram',
  what: '37 x 70, twice',
  ...NO_VARIANTS,
  async run(rig) {
    const [rows, cols] = [37, 70];
    const data = normals(2 * rows * cols, 27);
    const out = upload(rig, new Float32Array(cols * cols).fill(NaN));
    for (const accumulate of [false, true]) {
      const x = uploadAct(rig, data.subarray(accumulate ? rows * cols : 0, (accumulate ? 2 : 1) * rows * cols), cols); // prettier-ignore
      await gram(rig.rec, x, out, { accumulate }, rig.workspace);
    }
    const want = gramRef(data, cols);
    const bounds = want.magnitudes.map((m) => OP_TOLERANCE.gram(2 * rows, 2, m));
    expectClose(await readGram(rig.rec, out, cols), want.values, bounds);
  },
};

export const STATISTICS_CHECKS: readonly KernelCheck[] = [columnMomentsCheck, gramCheck];
