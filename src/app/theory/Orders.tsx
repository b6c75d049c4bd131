/** Theorem 3.5: orders of the same rates, swaps of neighbours, other shapes. */
import { useMemo, useState } from 'react';
import type { OrderExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { Segments } from '../controls/fields';
import { DotRows } from './DotRows';
import { digits, swapLines, swapTable } from './figures';
import type { ResultProps } from './resultProps';

const MEASURES = [
  { value: 'perplexity', label: 'Perplexity' },
  { value: 'summed', label: 'Summed error' },
  { value: 'last', label: 'Last error' },
] as const;
type Measure = (typeof MEASURES)[number]['value'];
const SIGNED = { x: 'layer', y: 'signed', scatter: true } as const;
const ZERO = [{ y: 0, label: '', className: 'limit-line' }] as const;

export function Orders({ experiment, record, file }: ResultProps<OrderExperiment>) {
  const [measure, setMeasure] = useState<Measure>('perplexity');
  const { orders, swaps, shapes, beta } = experiment;
  const { seeds } = record;
  const table = useMemo(
    () =>
      swapTable(
        experiment,
        seeds,
        'Swaps of neighbours. Change against the ascending order; the theorem predicts worse.',
      ),
    [experiment, seeds],
  );
  return (
    <>
      {orders.length > 0 && (
        <DotRows
          title="Orders of the same rates"
          subtitle={`Perplexity of the select text${beta === null ? '' : `, rates of beta ${digits(beta)}`}; a dot for each seed, a line at the mean`}
          file={file('orders')}
          schedules={orders}
          seeds={seeds}
        />
      )}
      {shapes.length > 0 && (
        <DotRows
          title="Shapes at the same mean"
          subtitle="Perplexity of the select text; a dot for each seed, a line at the mean"
          file={file('shapes')}
          schedules={shapes}
          seeds={seeds}
        />
      )}
      {swaps.length > 0 && (
        <SeriesFigure
          title="Swaps of neighbours"
          subtitle="Change when a layer and the next trade their rates; the theorem predicts all above 0"
          file={file('swaps')}
          axis="layer"
          series={swapLines(experiment, seeds, measure)}
          scales={SIGNED}
          marks={ZERO}
          table={table}
          controls={
            <Segments label="Measure of the swaps" value={measure} options={MEASURES} onChange={setMeasure} />
          }
        />
      )}
    </>
  );
}
