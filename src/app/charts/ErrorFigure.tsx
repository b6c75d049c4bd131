import { lazy, Suspense, useMemo } from 'react';
import { Segments } from '../controls/fields';
import { beta as formatBeta, exact } from '../format';
import { useAfterFirstFrame } from '../hooks/useAfterFirstFrame';
import { useUi } from '../hooks/useLab';
import { useBetaRange, useErrorView, useLayers } from '../hooks/useResults';
import { pinnedLabel } from '../panels/Metrics';
import { ERROR_VIEWS, type ErrorView, type ErrorViewModel } from '../stores/errorView';
import { uiStore } from '../stores/uiStore';
import { ChartFrame } from './ChartFrame';
import type { Table } from './csv';

const ErrorPlot = lazy(() => import('./ErrorPlot'));

const VIEW_OPTIONS = Object.entries(ERROR_VIEWS).map(([value, { label }]) => ({
  value: value as ErrorView,
  label,
}));

/** Reconstruction error of every layer: the effect of pruning, growing or not with depth. */
export function ErrorFigure() {
  const model = useErrorView();
  const view = useUi((state) => state.view);
  const painted = useAfterFirstFrame();
  const layers = useLayers();
  const table = useMemo(() => tableOf(model), [model]);
  return (
    <ChartFrame
      title="Reconstruction error per layer"
      subtitle={subtitleOf(model, view)}
      file="errors"
      table={table}
      className="chart-error"
      controls={
        <Segments
          label="Error view"
          value={view}
          options={VIEW_OPTIONS}
          onChange={(next) => uiStore.setState({ view: next })}
        />
      }
    >
      <Legend model={model} />
      <div className="plot plot-error">
        <Suspense fallback={<div className="skeleton skeleton-plot" />}>
          {painted ? (
            <ErrorPlot model={model} view={view} layers={layers} />
          ) : (
            <div className="skeleton skeleton-plot" />
          )}
        </Suspense>
      </div>
    </ChartFrame>
  );
}

function subtitleOf({ kind, text, tokens, state, source }: ErrorViewModel, view: ErrorView): string {
  const { brief, log } = ERROR_VIEWS[view];
  const parts = [brief, `${text} text${tokens === null ? '' : `, ${tokens.toLocaleString('en-US')} tokens`}`];
  parts.push(log ? 'log scale' : 'linear scale');
  if (kind === 'preview' && state !== 'empty') parts.push('preview');
  if (source !== null) parts.push(`from ${source}`);
  return parts.join(' · ');
}

function tableOf(model: ErrorViewModel): Table {
  return {
    caption: model.caption,
    columns: ['layer', 'local', 'in place', 'inherited', 'cumulative', 'uniform'],
    rows: model.rows.map((row) => [
      String(row.layer),
      exact(row.local),
      exact(row.inPlace),
      exact(row.inherited),
      exact(row.cumulative ?? row.preview),
      exact(row.uniform),
    ]),
  };
}

function Legend({ model }: { model: ErrorViewModel }) {
  const pinned = useUi((state) => state.pinned);
  const { state, partsBeta, previewBeta } = model;
  const { limit } = useBetaRange();
  const shownBeta = (beta: number | 'auto' | null): string =>
    typeof beta === 'number' ? formatBeta(beta, limit) : '';
  const old = partsBeta === null ? '' : ` (β ${shownBeta(partsBeta)})`;
  return (
    <ul className="legend" aria-hidden="true">
      {state === 'preview' ? (
        <li className="key-preview">preview, β {shownBeta(previewBeta)}</li>
      ) : (
        <li className="key-cumulative">cumulative</li>
      )}
      <li className={`key-inherited${old ? ' is-old' : ''}`}>inherited</li>
      <li className={`key-in-place${old ? ' is-old' : ''}`}>added here</li>
      <li className={`key-local${old ? ' is-old' : ''}`}>alone{old}</li>
      <li className="key-uniform">uniform</li>
      {pinned && <li className="key-pinned">pinned: {pinnedLabel(pinned)}</li>}
    </ul>
  );
}
