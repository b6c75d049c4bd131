/** Theorem 3.5: orders of ATP's rates, swaps of neighbours, other shapes; every one on every seed. */
import type { OrderExperiment } from '../../core/theory';
import { orderSummary, orderVerdict, swapRow } from '../../eval/theory/orders';
import { shuffled, swapped } from '../../eval/theory/schedules';
import type { Trial } from './index';
import { head } from './run';
import { chosenBeta, gridOf, measureAll, NO_BETA, ratesOfBeta, rowsOf, SHAPE_COUNT, shapes, type Schedule } from './schedules'; // prettier-ignore

const RANDOM_ORDERS = 10;

export const orders: Trial = {
  steps: (run) => gridOf(run).length + draws(run) * (2 + RANDOM_ORDERS + run.layers - 1 + SHAPE_COUNT),
  async run(run) {
    let now: OrderExperiment = {
      ...head('3.5'),
      beta: null,
      orders: [],
      swaps: [],
      shapes: [],
      summary: null,
    };
    const beta = await chosenBeta(run, '3.5');
    const publish = (more: Partial<OrderExperiment>): void => {
      now = { ...now, beta, ...more };
      run.publish(now);
    };
    if (beta === null) {
      const text = `${NO_BETA}: there is no schedule to compare with. Lower the sparsity, or give a beta.`;
      publish({ done: true, verdict: { holds: 'open', text } });
      return;
    }
    const rates = ratesOfBeta(run, beta);
    const ordered: Schedule[] = [
      { name: 'ascending', rates },
      { name: 'descending', rates: [...rates].reverse() },
      ...Array.from({ length: RANDOM_ORDERS }, (_, k) => ({
        name: `random ${k + 1}`,
        rates: shuffled(rates, run.mainSeed, k + 1),
      })),
    ];
    await measureAll(run, '3.5', ordered, run.seeds, (trials) =>
      publish({ orders: rowsOf(ordered, trials) }),
    );
    const ascending = now.orders[0];
    if (!ascending) throw new Error('no order was measured');
    const neighbours = rates.slice(1).map((_, layer) => ({
      name: `layers ${layer + 1} and ${layer + 2} swapped`,
      rates: swapped(rates, layer),
    }));
    await measureAll(run, '3.5', neighbours, run.seeds, (trials) =>
      publish({ swaps: rowsOf(neighbours, trials).map((row, layer) => swapRow(layer, ascending, row)) }),
    );
    const shaped = await shapes(run, beta);
    await measureAll(run, '3.5', shaped, run.seeds, (trials) => publish({ shapes: rowsOf(shaped, trials) }));
    const summary = orderSummary(now);
    publish({ summary, done: true, verdict: orderVerdict(now, summary) });
  },
};

const draws = (run: Parameters<Trial['steps']>[0]): number => run.draws.length;
