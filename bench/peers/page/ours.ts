/** The lab's own kernels, as a forward pass calls them: the engine chooses the variant. */
import type { GpuContext } from '../../../src/gpu/context';
import { Recorder } from '../../../src/gpu/recorder';
import { attention } from '../../../src/ops/attention';
import { matmul } from '../../../src/ops/matmul';
import { normals, uploadAct, uploadWeight } from '../../../src/ops/trial';
import type { Act } from '../../../src/ops/types';
import { Workspace } from '../../../src/ops/workspace';
import type { Contender } from './contender';
import type { Input } from './problems';

export function ours(ctx: GpuContext, version: string): Contender {
  return {
    name: 'prunelab',
    version,
    processor: false,
    async prepare(problem) {
      const scope = ctx.root.child();
      const place = { ctx, scope };
      const rec = new Recorder(ctx);
      let out: Act;
      let start: (input: Input) => Promise<void>;
      if (problem.kind === 'matmul') {
        const x = problem.x.map((values) => uploadAct(place, values, problem.k)) as [Act, Act];
        const { weight } = uploadWeight(place, problem.w, problem.k, 'F32');
        const result = uploadAct(place, normals(problem.count, 6), problem.n);
        out = result;
        start = (input) => matmul(rec, x[input], weight, result);
      } else {
        const { tokens, heads, headDim } = problem;
        const act = (values: Float32Array): Act => uploadAct(place, values, heads * headDim);
        const [q, k] = [act(problem.q), act(problem.k)];
        const v = problem.v.map(act) as [Act, Act];
        const result = act(normals(problem.count, 6));
        const workspace = new Workspace(scope);
        out = result;
        start = (input) =>
          attention(
            rec,
            q,
            k,
            v[input],
            result,
            {
              ...{ batch: 1, queries: tokens, keys: tokens, heads, kvHeads: heads, headDim },
              positionBegin: 0,
              scale: headDim ** -0.5,
            },
            workspace,
          );
      }
      await scope.ready();
      return {
        strict: true,
        start,
        async settle() {
          const [last = NaN] = await rec.readF32(out.buffer, 1, (problem.count - 1) * 4);
          return last;
        },
        output: () => rec.readF32(out.buffer, problem.count),
        close() {
          rec.close();
          scope.close();
          return Promise.resolve();
        },
      };
    },
  };
}
