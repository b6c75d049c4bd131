/** Theorem 3.2: the bound beside the error, the term that the proof drops, the gains. */
import { useMemo } from 'react';
import type { BoundExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { boundRatios, boundTable, crossShares, VACUOUS } from './figures';
import { Gains } from './Gains';
import type { ResultProps } from './resultProps';

const RATIOS = { x: 'layer', y: 'auto', scatter: true, crosses: [VACUOUS] } as const;
const SHARES = { x: 'layer', y: 'share', scatter: true } as const;
const EQUAL = [{ y: 1, label: 'bound equals error', className: 'limit-line' }] as const;

export function Bounds({ experiment, file }: ResultProps<BoundExperiment>) {
  const table = useMemo(
    () =>
      boundTable(
        experiment,
        'Bound over error by layer. One row for each matrix; sums of squares over the calibration text.',
      ),
    [experiment],
  );
  return (
    <>
      {experiment.layers.length > 0 && (
        <>
          <SeriesFigure
            title="Bound over error by layer"
            subtitle="Smallest singular value squared times the error of the inputs, over the error of the outputs"
            file={file('bound')}
            axis="layer"
            series={boundRatios(experiment)}
            scales={RATIOS}
            marks={EQUAL}
            table={table}
          />
          <SeriesFigure
            title="Dropped cross term by layer"
            subtitle="Its size as a share of the two terms that the proof keeps"
            file={file('cross')}
            axis="layer"
            series={crossShares(experiment)}
            scales={SHARES}
          />
        </>
      )}
      <Gains gains={experiment.gains} file={file('gains')} />
    </>
  );
}
