/** jax-js on its WebGPU backend, compiled by its jit. Arrays count references: `ref` lends one out. */
import type { Array as JaxArray } from '@jax-js/jax';
import type { Contender } from './contender';
import type { Input } from './problems';

export function jax(version: string): Contender {
  return {
    name: 'jax-js webgpu',
    version,
    processor: false,
    withoutGoal: true,
    async prepare(problem) {
      const { init, defaultDevice, jit, blockUntilReady, numpy, nn } = await import('@jax-js/jax');
      if (!(await init('webgpu')).includes('webgpu')) throw new Error('its WebGPU backend did not start');
      defaultDevice('webgpu');
      const kept: JaxArray[] = [];
      const array = (values: Float32Array, shape: number[]): JaxArray => {
        const made = numpy.array(values).reshape(shape);
        kept.push(made);
        return made;
      };
      let run: (input: Input) => JaxArray;
      if (problem.kind === 'matmul') {
        const { m, n, k, x } = problem;
        const inputs = x.map((values) => array(values, [m, k]));
        const w = array(problem.wTransposed, [k, n]);
        const product = jit((a, b) => numpy.matmul(a, b));
        run = (input) => product((inputs[input] ?? w).ref, w.ref);
      } else {
        const { tokens, heads, headDim, v } = problem;
        const act = (values: Float32Array): JaxArray => array(values, [tokens, heads, headDim]);
        const [q, k] = [act(problem.q), act(problem.k)];
        const inputs = v.map(act);
        const mixed = jit((a, b, c) => nn.dotProductAttention(a, b, c, { isCausal: true }));
        run = (input) => mixed(q.ref, k.ref, (inputs[input] ?? q).ref);
      }
      let result: JaxArray | undefined;
      return {
        async start(input) {
          result?.dispose();
          result = run(input);
          // Nothing is dispatched before somebody asks; a part asked for would be computed alone.
          await blockUntilReady(result);
        },
        async settle() {
          if (!result) return NaN;
          const [value = NaN] = await result.ref
            .reshape([problem.count])
            .slice(problem.count - 1)
            .data();
          return value;
        },
        output: () => result?.ref.data() ?? Promise.resolve(new Float32Array()),
        close() {
          result?.dispose();
          kept.forEach((a) => a.dispose());
          return Promise.resolve();
        },
      };
    },
  };
}
