/** Every forward op keeps its dispatches under the recorder's limit, and gives the same values in many pieces. */
import { describe, expect, test } from 'vitest';
import { GpuContext } from '../gpu/context';
import { Recorder, type Dispatch } from '../gpu/recorder';
import {
  normals,
  poisonedAct,
  readAct,
  runOnGpu,
  upload,
  uploadAct,
  uploadVec,
  uploadWeight,
  type GpuFixture,
} from '../testing/gpuFixture';
import { inNode, testGpu } from '../testing/setupGpu';
import { activate } from './activate';
import { addPositions } from './addPositions';
import { attention } from './attention';
import { embed } from './embed';
import { headLoss } from './headLoss';
import { layerNorm } from './layerNorm';
import { matmul } from './matmul';
import { matvec } from './matvec';
import { rmsNorm } from './rmsNorm';
import { rope } from './rope';
import { splitColumns } from './splitColumns';
import type { Act } from './types';

class Watched extends Recorder {
  readonly costs: number[] = [];
  counted = { flops: 0, bytes: 0 };
  limit = Infinity;
  override get maxCost(): number {
    return this.limit;
  }
  override run(dispatch: Dispatch): Promise<void> {
    this.costs.push(dispatch.cost);
    this.counted.flops += dispatch.flops ?? 0;
    this.counted.bytes += dispatch.bytes;
    return super.run(dispatch);
  }
}

/** Each op on 300 rows or columns, into an output that it returns. */
const OPS: Record<string, (gpu: GpuFixture) => Promise<Act>> = {
  embed: async (gpu) => {
    const out = poisonedAct(gpu, 300, 8);
    const table = uploadWeight(gpu, normals(80, 1), 8, 'F16', 6).weight;
    await embed(
      gpu.rec,
      table,
      upload(
        gpu,
        Uint32Array.from({ length: 300 }, (_, i) => i % 10),
      ),
      300,
      out,
    );
    return out;
  },
  addPositions: async (gpu) => {
    const values = new Float32Array(2416).fill(NaN);
    values.set(normals(2400, 1));
    const out = { buffer: upload(gpu, values), rows: 300, cols: 8 };
    const table = uploadWeight(gpu, normals(816, 2), 8, 'F16', 60).weight;
    await addPositions(gpu.rec, table, out, { seqLength: 100, positionBegin: 0, offset: 2 });
    return out;
  },
  rmsNorm: async (gpu) => {
    const out = poisonedAct(gpu, 300, 8);
    await rmsNorm(gpu.rec, uploadAct(gpu, normals(2400, 1), 8), uploadVec(gpu, normals(8, 2)), out, {
      eps: 1e-5,
    });
    return out;
  },
  activate: async (gpu) => {
    const values = new Float32Array(2416).fill(NaN);
    values.set(normals(2400, 1));
    const x = { buffer: upload(gpu, values), rows: 300, cols: 8 };
    await activate(gpu.rec, 'silu', x, uploadAct(gpu, normals(2400, 2), 8));
    return x;
  },
  layerNorm: async (gpu) => {
    const out = poisonedAct(gpu, 300, 8);
    const [weight, bias] = [uploadVec(gpu, normals(8, 2)), uploadVec(gpu, normals(8, 3))];
    await layerNorm(gpu.rec, uploadAct(gpu, normals(2400, 1), 8), weight, bias, out, { eps: 1e-5 });
    return out;
  },
  splitColumns: async (gpu) => {
    const out = poisonedAct(gpu, 300, 8);
    const x = uploadAct(gpu, normals(7200, 1), 24);
    await splitColumns(gpu.rec, x, out, { begin: 4, block: 4, stride: 12 });
    return out;
  },
  rope: async (gpu) => {
    const values = new Float32Array(2416).fill(NaN);
    values.set(normals(2400, 1));
    const x = { buffer: upload(gpu, values), rows: 300, cols: 8 };
    await rope(gpu.rec, x, upload(gpu, normals(400, 2)), {
      heads: 2,
      headDim: 4,
      seqLength: 100,
      positionBegin: 0,
      rotaryDim: 4,
    });
    return x;
  },
  matmul: async (gpu) => {
    const out = poisonedAct(gpu, 300, 40);
    await matmul(
      gpu.rec,
      uploadAct(gpu, normals(2400, 1), 8),
      uploadWeight(gpu, normals(320, 2), 8, 'F32').weight,
      out,
    );
    return out;
  },
  matvec: async (gpu) => {
    const out = poisonedAct(gpu, 2, 300);
    await matvec(
      gpu.rec,
      uploadAct(gpu, normals(16, 1), 8),
      uploadWeight(gpu, normals(2400, 2), 8, 'BF16', 160).weight,
      out,
    );
    return out;
  },
  attention: async (gpu) => {
    const out = poisonedAct(gpu, 300, 8);
    const [q, k, v] = [1, 2, 3].map((seed) => uploadAct(gpu, normals(2400, seed), 8));
    if (!q || !k || !v) throw new Error('three inputs');
    const shape = {
      batch: 3,
      queries: 100,
      keys: 100,
      heads: 2,
      kvHeads: 2,
      headDim: 4,
      positionBegin: 0,
      scale: 0.5,
    };
    await attention(gpu.rec, q, k, v, out, shape, gpu.workspace);
    return out;
  },
  headLoss: async (gpu) => {
    const out = poisonedAct(gpu, 300, 1);
    const head = uploadWeight(gpu, normals(720, 2), 8, 'F32').weight;
    await headLoss(
      gpu.rec,
      uploadAct(gpu, normals(2400, 1), 8),
      head,
      upload(gpu, new Uint32Array(300).fill(7)),
      out.buffer,
      gpu.workspace,
    );
    return out;
  },
};

describe('pieces of at most maxCost', () => {
  test.each(Object.entries(OPS))('%s', async (_name, op) => {
    await runOnGpu(async (gpu) => {
      const rec = new Watched(gpu.ctx);
      try {
        const whole = await readAct({ rec }, await op({ ...gpu, rec }));
        const total = rec.costs.reduce((sum, cost) => sum + cost, 0);
        const largest = Math.max(...rec.costs);
        const counted = rec.counted;
        rec.costs.length = 0;
        rec.counted = { flops: 0, bytes: 0 };
        rec.limit = largest / 2;
        const cut = await readAct({ rec }, await op({ ...gpu, rec }));
        expect(Array.from(cut)).toEqual(Array.from(whole));
        expect(Math.max(...rec.costs)).toBeLessThanOrEqual(rec.limit);
        expect(rec.costs.reduce((sum, cost) => sum + cost, 0)).toBeGreaterThanOrEqual(total * 0.999);
        expect(rec.counted.flops / Math.max(1, counted.flops)).toBeCloseTo(counted.flops > 0 ? 1 : 0, 6);
        // Pieces of attention read the keys that their queries see once more each.
        expect(rec.counted.bytes / counted.bytes).toBeCloseTo(1, 1);
        expect(counted.bytes).toBeGreaterThan(0);
      } finally {
        rec.close();
      }
    });
  });
});

test('a buffer that a kernel cannot see whole is refused, with the limit', async () => {
  const ctx = await GpuContext.open(testGpu(), {
    backend: inNode ? 'dawn-node' : 'chrome',
    defaultLimits: true,
  });
  const rec = new Recorder(ctx);
  try {
    const scope = ctx.root.child();
    const limit = ctx.device.limits.maxStorageBufferBindingSize;
    const large = { buffer: scope.alloc(limit + 16, 'activations', 'a large one'), rows: 1, cols: 4 };
    const small = { buffer: scope.alloc(16, 'activations', 'a small one'), rows: 1, cols: 4 };
    await activate(rec, 'silu', small, { ...small, buffer: scope.alloc(16, 'activations', 'up') });
    await expect(activate(rec, 'silu', large, small)).rejects.toThrow(
      /a large one has \d+ bytes; .* at most \d+ at once/,
    );
    expect(rec.work.dispatches).toBe(1);
  } finally {
    rec.close();
    ctx.close();
  }
});
