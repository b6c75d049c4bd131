/** The references of the way back against slopes of the references of the way there, in f64. */
import { describe, expect, test } from 'vitest';
import { ACTIVATIONS } from './activate';
import { activateRef } from './activate.ref';
import { activateBackwardRef } from './activateBackward.ref';
import { attentionRef } from './attention.ref';
import { attentionBackwardRef } from './attentionBackward.ref';
import { headLossRef } from './headLoss.ref';
import { headLossBackwardRef } from './headLossBackward.ref';
import { layerNormRef } from './layerNorm.ref';
import { matmulRef } from './matmul.ref';
import { normBackwardRef } from './normBackward.ref';
import { rmsNormRef } from './rmsNorm.ref';
import { softcapRef } from './softcap.ref';
import { normals } from './trial';

/** Slopes of f at x by central differences; the step is exact in f32. */
function slopes(x: Float32Array, f: (x: Float32Array) => number): Float64Array {
  return Float64Array.from(x, (value, i) => {
    const [up, down] = [x.slice(), x.slice()];
    up[i] = value + 2 ** -9;
    down[i] = value - 2 ** -9;
    return (f(up) - f(down)) / ((up[i] ?? NaN) - (down[i] ?? NaN));
  });
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0);

/** Central differences with that step err by about step² / 6 times the third derivative. */
function expectSlopes(got: ArrayLike<number>, want: Float64Array, within = 2e-4): void {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) =>
    expect(Math.abs((got[i] ?? NaN) - value)).toBeLessThan(within * (1 + Math.abs(value))),
  );
}

describe('references of gradients are slopes', () => {
  test.each(['rms', 'layer'] as const)('%s norm', (kind) => {
    const [x, weight, dy] = [normals(21, 1), normals(7, 2), normals(21, 3)];
    const options = { eps: 0.1, offset: kind === 'rms' ? 1 : 0 };
    const forward = (of: Float32Array): number =>
      dot(
        (kind === 'rms' ? rmsNormRef(of, weight, 7, options) : layerNormRef(of, weight, options)).values,
        dy,
      );
    expectSlopes(normBackwardRef(x, weight, dy, { kind, ...options }).values, slopes(x, forward));
  });

  test.each(ACTIVATIONS)('%s', (kind) => {
    const [x, up, dy] = [normals(30, 4, 2), normals(30, 5), normals(30, 6)];
    const ref = activateBackwardRef(kind, x, up, dy);
    expectSlopes(
      ref.dx,
      slopes(x, (of) => dot(activateRef(kind, of, up).values, dy)),
    );
    expectSlopes(
      ref.dUp,
      slopes(up, (of) => dot(activateRef(kind, x, of).values, dy)),
    );
  });

  test.each([
    { softcap: 0, window: 0 },
    { softcap: 0.8, window: 3 },
  ])('attention, %o', (options) => {
    const shape = {
      batch: 2,
      queries: 5,
      keys: 5,
      heads: 2,
      kvHeads: 1,
      headDim: 3,
      positionBegin: 0,
      scale: 0.6,
      ...options,
    };
    const [q, k, v, dOut] = [normals(60, 7), normals(30, 8), normals(30, 9), normals(60, 10)];
    const ref = attentionBackwardRef(q, k, v, dOut, shape);
    expectSlopes(
      ref.q,
      slopes(q, (of) => dot(attentionRef(of, k, v, shape).values, dOut)),
    );
    expectSlopes(
      ref.k,
      slopes(k, (of) => dot(attentionRef(q, of, v, shape).values, dOut)),
    );
    expectSlopes(
      ref.v,
      slopes(v, (of) => dot(attentionRef(q, k, of, shape).values, dOut)),
    );
  });

  test.each([{ softcap: 0 }, { softcap: 1.5, scale: 0.7 }])('loss of the head, %o', (options) => {
    const [x, w] = [normals(12, 11), normals(44, 12)];
    const targets = [3, 10, 0xffffffff];
    const ref = headLossBackwardRef(matmulRef(x, w, 4), w, 4, targets, { factor: 0.25, ...options });
    const loss = (of: Float32Array): number =>
      0.25 *
      headLossRef(softcapRef(matmulRef(of, w, 4).values, options), 11, targets).reduce((a, b) => a + b, 0);
    expectSlopes(ref.dx, slopes(x, loss));
    // A row that is not scored has no gradient.
    expect(Array.from(ref.dx.slice(8))).toEqual([0, 0, 0, 0]);
  });
});
