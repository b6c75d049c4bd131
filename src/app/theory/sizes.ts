import type { TheoremId } from '../../core/theory';
import { counted } from '../../core/words';
import type { Draft } from './theorist';

/** What a trial measures, in words. */
export function sizesOf(theorem: TheoremId, layers: number, { seeds, rates, others }: Draft): string {
  const draws = seeds.length > 1 ? `, each on ${seeds.length} seeds` : '';
  switch (theorem) {
    case '3.1':
      return `${counted(layers, 'layer')} at ${rates.length} sparsities, every matrix and row.`;
    case '3.2':
      return `Every matrix of ${counted(layers, 'layer')}, singular values in double precision; gains on ${counted(seeds.length, 'seed')}.`;
    case '3.4':
      return `${layers + 1} prunings: one layer after the other raised by 10 %, the others ${others === 'dense' ? 'dense' : 'at the target'}.`;
    case '3.5':
      return `12 orders of the same rates, ${counted(Math.max(0, layers - 1), 'swap')} of neighbours, 8 shapes${draws}.`;
    case 'lab':
      return `${counted(layers, 'layer')} at ${rates.length} sparsities, gains, and the grid of beta${draws}.`;
    case 'convexity':
      return `The grid of beta and the betas between${draws}.`;
    case 'proxy':
      return 'The grid of beta, six uniform sparsities, the shapes of 3.5, and the past runs of this model.';
  }
}
