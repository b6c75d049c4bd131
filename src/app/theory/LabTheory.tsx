/** The lab's own theory: the beta that it predicts beside the best one measured, and what it takes for granted. */
import type { LabTheoryExperiment } from '../../core/theory';
import type { PlotMark } from '../compare/ComparePlot';
import { SeriesFigure } from '../compare/SeriesFigure';
import { compact, percent } from '../format';
import { curveLines, digits, localErrors } from './figures';
import { Gains } from './Gains';
import type { ResultProps } from './resultProps';

const CURVE = { x: 'linear', y: 'auto' } as const;

export function LabTheory({ experiment, record, file }: ResultProps<LabTheoryExperiment>) {
  const { curve, fit, gains, layers, rates } = experiment;
  const { seeds, model } = record;
  const marks = marksOf(experiment);
  return (
    <>
      <Assumptions experiment={experiment} />
      {curve.length > 0 && (
        <SeriesFigure
          title="Predicted and measured beta"
          subtitle={`Perplexity of the select text over beta${fit ? `; beta* = ln(c) / kappa = ${digits(fit.predicted)}${marks.away}` : ''}`}
          file={file('curve')}
          axis="beta"
          series={curveLines(curve, seeds)}
          scales={CURVE}
          marks={marks.drawn}
        />
      )}
      {layers.length > 0 && (
        <SeriesFigure
          title="Local errors behind kappa"
          subtitle="Squared error of each pruned layer on its dense input; kappa is their common slope in the logarithm"
          file={file('local')}
          axis="sparsity"
          series={localErrors(layers, rates, model.layers)}
          scales={CURVE}
          className="theory-ramp"
        />
      )}
      <Gains gains={gains} file={file('gains')} />
    </>
  );
}

/** A beta far from the curve would flatten it: it is said, not drawn. */
function marksOf({ fit }: LabTheoryExperiment): { drawn: PlotMark[]; away: string } {
  if (!fit) return { drawn: [], away: '' };
  const { predicted, measured } = fit;
  const limit = fit.betaMax ?? 0;
  const near = predicted >= -limit && predicted <= 2 * limit;
  const same = near && measured !== null && Math.abs(measured - predicted) < 1e-9;
  return {
    drawn: [
      ...(near
        ? [{ x: predicted, label: same ? 'beta* and measured' : 'beta*', className: 'predicted-line' }]
        : []),
      ...(measured !== null && !same ? [{ x: measured, label: 'measured', className: 'measured-line' }] : []),
    ],
    away: near ? '' : `, beyond this axis (betas of a schedule end at ${digits(limit)})`,
  };
}

function Assumptions({ experiment: { fit, assumptions } }: { experiment: LabTheoryExperiment }) {
  if (!fit || !assumptions) return null;
  const a = assumptions;
  const rows: [string, string, boolean][] = [
    [
      'The f_i are alike',
      `At ${percent(a.atRate)} zeros the largest local error is ${compact(a.localRatio)} times the smallest, ${compact(a.relativeRatio)} times as a share of the dense output.`,
      a.localRatio < 2,
    ],
    [
      'One kappa for all layers',
      `Slopes from ${compact(a.kappaMin)} to ${compact(a.kappaMax)}; ${compact(fit.kappa)} together, which explains ${percent(fit.r2, 1)} of the variance.`,
      a.kappaMax < 1.25 * a.kappaMin,
    ],
    [
      'Errors grow: c > 1',
      `${a.above} of ${a.gains} gains are above 1; from ${compact(a.gainMin)} to ${compact(a.gainMax)}, median ${compact(fit.c)}.`,
      a.above === a.gains,
    ],
  ];
  return (
    <section className="card theory-assumptions" aria-label="Assumptions">
      <h4>Assumptions</h4>
      <dl>
        {rows.map(([name, text, met]) => (
          <div key={name}>
            <dt>
              {name} <span className={met ? 'good' : 'bad'}>{met ? 'met here' : 'not met here'}</span>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p className="hint">
        Met means: largest local error less than twice the smallest; slopes within a quarter of each other;
        every gain above 1.
      </p>
    </section>
  );
}
