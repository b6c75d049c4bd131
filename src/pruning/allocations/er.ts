import { defineAllocation, matricesOf, type MatrixSize } from './define';
import { PER, ratesPer } from './per';

/**
 * Density of each matrix proportional to (R + C) / (R C); what would be denser than dense is left dense, and the rest
 * shares what remains. `dense`: matrices left dense from the start. Returns null where those alone are more than may
 * stay.
 */
export function erdosRenyi(
  matrices: readonly Pick<MatrixSize, 'rows' | 'cols'>[],
  sparsity: number,
  dense = new Set<number>(),
): number[] | null {
  const sizes = matrices.map(({ rows, cols }) => rows * cols);
  const zeros = sizes.map((n) => Math.floor(sparsity * n));
  const share = matrices.map(({ rows, cols }) => (rows + cols) / (rows * cols));
  const full = new Set(dense);
  for (;;) {
    let left = 0;
    let weight = 0;
    let most = 0;
    matrices.forEach(({ rows, cols }, k) => {
      const n = sizes[k] ?? 0;
      const z = zeros[k] ?? 0;
      if (full.has(k)) left -= z;
      else {
        left += n - z;
        weight += rows + cols;
        most = Math.max(most, share[k] ?? 0);
      }
    });
    if (left < 0) return null;
    const scale = weight > 0 ? left / weight : 0;
    if (!(most * scale > 1)) return share.map((p, k) => (full.has(k) ? 0 : 1 - scale * p));
    share.forEach((p, k) => {
      if (p === most) full.add(k);
    });
  }
}

/** Erdos-Renyi densities of the matrices (SET, arXiv 1707.04780): small matrices stay denser than large ones. */
export const er = defineAllocation({
  id: 'er',
  label: 'ER, by the shape of each matrix',
  help: 'Small matrices keep a larger share than large ones; blocks of one shape all get the same.',
  params: [PER],
  citation:
    'Mocanu et al., Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity, arXiv 1707.04780',
  allocate(input) {
    const rates = erdosRenyi(matricesOf(input), input.sparsity);
    return ratesPer(input, rates ?? []);
  },
});
