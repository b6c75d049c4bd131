/** How much of a layer's error comes out of the next one. */
import type { BoundExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { gainLines } from './figures';

const SCALES = { x: 'layer', y: 'auto' } as const;
const ONE = [{ y: 1, label: 'grows above 1', className: 'limit-line' }] as const;

export function Gains({ gains, file }: { gains: BoundExperiment['gains']; file: string }) {
  if (gains.length === 0) return null;
  return (
    <SeriesFigure
      title="Gain by layer"
      subtitle="Inherited error behind a layer over the cumulative error before it"
      file={file}
      axis="layer"
      series={gainLines(gains)}
      scales={SCALES}
      marks={ONE}
    />
  );
}
