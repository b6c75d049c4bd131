import { lazy, Suspense, useCallback, useMemo } from 'react';
import type { CurvePoint } from '../../core/report';
import { counted } from '../../core/words';
import { pointLosses, pointScore } from '../../eval/betaChoice';
import { comparePaired } from '../../eval/paired';
import { Segments } from '../controls/fields';
import { beta as formatBeta, changePercent, exact } from '../format';
import { useAfterFirstFrame } from '../hooks/useAfterFirstFrame';
import { useLab, useRun, useUi } from '../hooks/useLab';
import { useBetaRange, useCurve, useRuns, type CurveView } from '../hooks/useResults';
import { uiStore } from '../stores/uiStore';
import { ChartFrame } from './ChartFrame';
import type { Table } from './csv';
import { MEASURES } from './curveMeasures';
import type { CurveMeasure } from './curveRows';

const CurvePlot = lazy(() => import('./CurvePlot'));

const MEASURE_OPTIONS = Object.entries(MEASURES).map(([value, { label }]) => ({
  value: value as CurveMeasure,
  label,
}));

/** Perplexity over the whole range of beta: each point is a pruned model. */
export function CurveFigure() {
  const lab = useLab();
  const curve = useCurve();
  const { limit, min } = useBetaRange();
  const go = useCallback((beta: number) => lab.commit({ beta }), [lab]);
  const painted = useAfterFirstFrame();
  const { run, uniform } = useRuns();
  const text = (run ?? uniform)?.report?.texts.select;
  const measured = text ? `, ${counted(text.windows, 'window')} of ${text.window} tokens` : '';
  const table = useMemo(() => tableOf(curve, measured), [curve, measured]);
  const sweeping = useRun(({ jobs }) => jobs.some(({ kind }) => kind === 'sweep'));
  const busy = useRun(({ jobs, phase, model }) => jobs.length > 0 || phase !== 'ready' || model === null);
  const awaiting = useRun((state) => state.awaiting !== null);
  const points = pointsOf(curve);
  const seeds = points[0]?.bySeed?.length ?? 0;
  const measure = useUi((state) => state.curveMeasure);
  const source = (curve.kind === 'exact' ? curve.exact : curve.preview)?.stored;
  return (
    <ChartFrame
      title="Perplexity versus beta"
      subtitle={`Each point is a pruned model · select text${measured} · ${curve.kind}${seeds > 1 ? ` · ${seeds} seeds` : ''}${source === undefined ? '' : ` · from ${source}`}`}
      file="perplexity"
      table={table}
      className="chart-curve"
      controls={
        <Segments
          label="Figure of the curve"
          value={measure}
          options={MEASURE_OPTIONS}
          onChange={(curveMeasure) => uiStore.setState({ curveMeasure })}
        />
      }
    >
      <ul className="legend" aria-hidden="true">
        {curve.exact && <li className="key-curve">exact{seeds > 1 && ', mean'}</li>}
        {curve.preview && <li className="key-curve-preview">preview{seeds > 1 && ', mean'}</li>}
        {seeds > 1 && <li className="key-band">range over {seeds} seeds</li>}
        {curve.ties.length > 1 && <li className="key-ties">cannot be told from the best</li>}
        {points.some((point) => pointScore(point) === null) && <li className="key-diverged">diverged</li>}
        {points.length === 0 && (
          <li className="key-none">
            {sweeping
              ? 'measuring the first point'
              : awaiting
                ? 'the file holds no sweep'
                : busy
                  ? 'after the run'
                  : 'not measured yet'}
          </li>
        )}
      </ul>
      <div className="plot plot-curve">
        <Suspense fallback={<div className="skeleton skeleton-plot" />}>
          {painted ? (
            <CurvePlot curve={curve} measure={measure} limit={limit} min={min} onGo={go} />
          ) : (
            <div className="skeleton skeleton-plot" />
          )}
        </Suspense>
        {points.length === 0 && !busy && (
          <p className="plot-empty">
            <span>
              {limit > 0 ? 'Press Run sweep to measure it here.' : 'Beta decides nothing at this setting.'}
            </span>
          </p>
        )}
      </div>
      <p className="sub curve-verdict">{verdict(curve, limit)}</p>
    </ChartFrame>
  );
}

function pointsOf({ kind, exact: exactCurve, preview }: CurveView): CurvePoint[] {
  return (kind === 'exact' ? exactCurve : preview)?.points ?? [];
}

function tableOf(curve: CurveView, measured: string): Table {
  const points = pointsOf(curve);
  const current = points.findIndex(({ beta }) => beta === curve.best);
  const seeds = points[0]?.bySeed?.length ?? 0;
  const over = seeds > 1 ? `; mean, lowest and highest over ${seeds} calibration seeds` : '';
  return {
    caption: `Perplexity versus beta; select text${measured}; ${curve.kind === 'exact' ? 'exact' : 'preview from dense statistics'}${over}.`,
    // What the contract of the table names comes first; more only behind it.
    columns: [
      'beta',
      'perplexity',
      'KL, nats',
      'same first choice',
      ...(seeds > 1 ? ['mean', 'lowest', 'highest'] : []),
    ],
    rows: points.map((point) => [
      point.beta === 0 ? '0.00000' : exact(point.beta),
      orDiverged(point.perplexity),
      point.perplexity === null ? 'diverged' : exact(point.kl),
      point.perplexity === null ? 'diverged' : exact(point.topOne),
      ...(seeds > 1 ? [orDiverged(point.mean), orDiverged(point.min), orDiverged(point.max)] : []),
    ]),
    ...(current >= 0 && { current }),
  };
}

function orDiverged(value: number | null | undefined): string {
  return value === null ? 'diverged' : exact(value);
}

/** The best beta against uniform, with its interval and the betas that it cannot be told from. */
function verdict(curve: CurveView, limit: number): string {
  const points = pointsOf(curve);
  const best = points.find(({ beta }) => beta === curve.best);
  const control = points.find(({ beta }) => beta === 0);
  if (!best || !control) return points.length > 0 ? 'Click a point to go there.' : '';
  const diverged = points.filter((point) => pointScore(point) === null).length;
  const tail =
    diverged > 0
      ? ` ${diverged} ${diverged === 1 ? 'point' : 'points'} diverged, drawn at the top edge.`
      : '';
  const name = formatBeta(best.beta, limit, true);
  if (best.beta === 0) return `Best so far: beta 0, uniform. No tilt does better on this text.${tail}`;
  const [own, base] = [pointLosses(best), pointLosses(control)];
  const compared = own && base ? comparePaired(own, base) : null;
  const against =
    compared === null
      ? ''
      : `: ${changePercent(compared.ratio)} against uniform${compared.low !== null && compared.high !== null ? ` (95\u202f% interval ${changePercent(compared.low)} to ${changePercent(compared.high)})` : ''}`;
  const others = curve.ties.filter((beta) => beta !== best.beta);
  const ties =
    others.length > 0
      ? ` Not told apart from ${others.map((beta) => formatBeta(beta, limit, true)).join(', ')}.`
      : '';
  return `Best beta ${name}${best.bySeed ? ' by the mean' : ''}${against}.${ties}${tail}`;
}
