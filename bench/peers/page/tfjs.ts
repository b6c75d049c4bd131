/** TensorFlow.js on its WebGPU backend. It has no attention of its own: this is what a user of it writes. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Contender } from './contender';
import type { Input } from './problems';

/** Added to the score of a key that a query does not see: the exponential of it is 0. */
const UNSEEN = -1e9;

export function tfjs(version: string): Contender {
  return {
    name: 'tfjs webgpu',
    version,
    processor: false,
    async prepare(problem) {
      const tf = await import('@tensorflow/tfjs-core');
      await import('@tensorflow/tfjs-backend-webgpu');
      if (!(await tf.setBackend('webgpu'))) throw new Error('its WebGPU backend did not start');
      await tf.ready();
      const kept: Tensor[] = [];
      const tensor = (values: Float32Array, shape: number[]): Tensor => {
        const made = tf.tensor(values, shape);
        kept.push(made);
        return made;
      };
      let run: (input: Input) => Tensor;
      if (problem.kind === 'matmul') {
        const { m, n, k, x } = problem;
        const inputs = x.map((values) => tensor(values, [m, k]));
        const w = tensor(problem.wTransposed, [k, n]);
        run = (input) => tf.matMul(inputs[input] ?? w, w);
      } else {
        const { tokens, heads, headDim, v } = problem;
        const act = (values: Float32Array): Tensor => tensor(values, [tokens, heads, headDim]);
        const [q, k] = [act(problem.q), act(problem.k)];
        const inputs = v.map(act);
        const unseen = Float32Array.from({ length: tokens * tokens }, (_, i) =>
          i % tokens > Math.floor(i / tokens) ? UNSEEN : 0,
        );
        const mask = tensor(unseen, [1, tokens, tokens]);
        run = (input) =>
          tf.tidy(() => {
            const byHead = (x: Tensor): Tensor => tf.transpose(x, [1, 0, 2]);
            const scores = tf.mul(tf.matMul(byHead(q), byHead(k), false, true), headDim ** -0.5);
            const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), byHead(inputs[input] ?? q));
            return byHead(mixed);
          });
      }
      let result: Tensor | undefined;
      return {
        start(input) {
          result?.dispose();
          result = run(input);
          return Promise.resolve();
        },
        async settle() {
          if (!result) return NaN;
          const whole = result;
          const last = tf.tidy(() => tf.slice(tf.reshape(whole, [problem.count]), [problem.count - 1], [1]));
          const [value = NaN] = await last.data();
          last.dispose();
          return value;
        },
        output: () => result?.data() ?? Promise.resolve(new Float32Array()),
        close() {
          result?.dispose();
          kept.forEach((t) => t.dispose());
          return Promise.resolve();
        },
      };
    },
  };
}
