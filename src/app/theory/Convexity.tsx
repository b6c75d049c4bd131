/** The curve of beta at its grid and at half the step, and how it bends. */
import { useMemo, useState } from 'react';
import type { ConvexityExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { Segments } from '../controls/fields';
import { changePercent } from '../format';
import { curveLines, differenceLines, differenceTable, digits } from './figures';
import type { ResultProps } from './resultProps';

const CURVE = { x: 'linear', y: 'auto' } as const;
const SIGNED = { x: 'linear', y: 'signed' } as const;
const ZERO = [{ y: 0, label: '', className: 'limit-line' }] as const;
const STEPS = [
  { value: 'grid', label: 'Grid' },
  { value: 'half', label: 'Half the step' },
] as const;

export function Convexity({ experiment, record, file }: ResultProps<ConvexityExperiment>) {
  const { curve, shape } = experiment;
  if (curve.length === 0) return null;
  const best = shape?.half.best;
  return (
    <>
      <SeriesFigure
        title="Perplexity at half the step"
        subtitle={`Select text; every second beta is one of the grid${shape ? `. ${shape.half.minima} local minima of the mean, ${shape.grid.minima} on the grid` : ''}`}
        file={file('curve')}
        axis="beta"
        series={curveLines(curve, record.seeds)}
        scales={CURVE}
        {...(best && { marks: [{ x: best.beta, label: 'best', className: 'measured-line' }] })}
      />
      {shape && <Bends shape={shape} record={record} file={file('bends')} />}
    </>
  );
}

function Bends({
  shape,
  record: { seeds },
  file,
}: {
  shape: NonNullable<ConvexityExperiment['shape']>;
  record: ResultProps<ConvexityExperiment>['record'];
  file: string;
}) {
  const [which, setWhich] = useState<'grid' | 'half'>('grid');
  const grid = shape[which];
  const subtitle = `y(beta − h) − 2 y(beta) + y(beta + h), h = ${digits(grid.step)}; below 0 the curve is not convex`;
  const table = useMemo(
    () => differenceTable(grid, seeds, `Second differences. ${subtitle}.`),
    [grid, seeds, subtitle],
  );
  return (
    <>
      <SeriesFigure
        title="Second differences"
        subtitle={subtitle}
        file={`${file}-${which}`}
        axis="beta"
        series={differenceLines(grid, seeds)}
        scales={SIGNED}
        marks={ZERO}
        table={table}
        controls={
          <Segments label="Step of the differences" value={which} options={STEPS} onChange={setWhich} />
        }
      />
      <dl className="theory-facts">
        <div>
          <dt>Lost with the step doubled</dt>
          <dd>{lost(shape.lostDoubled)}</dd>
        </div>
        <div>
          <dt>Lost with the grid against half its step</dt>
          <dd>{lost(shape.lostGrid)}</dd>
        </div>
        <div>
          <dt>Local minima by seed, half the step</dt>
          <dd>{shape.half.minimaBySeed.join(', ')}</dd>
        </div>
      </dl>
    </>
  );
}

function lost(share: number | null): string {
  return share === null ? 'not known' : `${changePercent(1 + share)} of perplexity`;
}
