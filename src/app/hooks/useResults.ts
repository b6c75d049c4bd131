/** Results that belong to the chosen spec, picked out of the stores. */
import { useMemo } from 'react';
import type { StatsKind } from '../../core/report';
import { bestBeta, tiedBetas } from '../../eval/betaChoice';
import { defaultSweepKind } from '../lab/sweeper';
import { fitsModel, layerMeans } from '../stores/byHand';
import { deriveErrorView, type ErrorViewModel } from '../stores/errorView';
import { curveKey, runKey, uniformKey } from '../stores/keys';
import { betaLimit, betaOf, isByHand, legalize, tiltedRates, usesBeta } from '../stores/legal';
import type { CurveRecord, RunRecord } from '../stores/runStore';
import { useRun, useSpec, useUi } from './useLab';

/** Layers of the loaded model, or of the one that stored figures are from; 16 for the skeleton before there is one. */
export function useLayers(): number {
  return useRun(({ model, awaiting }) => model?.layers ?? awaiting?.report.model.layers ?? 16);
}

/** The complete run of the chosen spec, the uniform run beside it, and the one shown before. */
export function useRuns(): { run: RunRecord | null; uniform: RunRecord | null; last: RunRecord | null } {
  const spec = useSpec((state) => state.spec);
  const keys = useMemo(() => ({ run: runKey(spec), uniform: uniformKey(spec) }), [spec]);
  const run = useRun(({ runs }) => runs[keys.run] ?? null);
  const uniform = useRun(({ runs }) => runs[keys.uniform] ?? null);
  const last = useRun(({ runs, lastShown }) => (lastShown === null ? null : (runs[lastShown] ?? null)));
  return { run, uniform, last };
}

export function useErrorView(): ErrorViewModel {
  const { run, uniform, last } = useRuns();
  const spec = useSpec((state) => state.spec);
  const layers = useLayers();
  const view = useUi((state) => state.view);
  const pinned = useUi((state) => state.pinned);
  const live = useRun((state) => state.live);
  const preview = useRun((state) => state.preview);
  const previewUniform = useRun((state) => state.previewUniform);
  // While a slider moves only the keys change: what they pick out stays the same object, and so does the view.
  const behind = previewUniform && previewUniform.key === uniformKey(spec) ? previewUniform : null;
  const current = live && live.key === runKey(spec) ? live : null;
  return useMemo(
    () =>
      deriveErrorView({
        layers,
        view,
        run,
        live: current,
        last,
        preview,
        uniform,
        previewUniform: behind,
        pinned,
      }),
    [layers, view, run, current, last, preview, uniform, behind, pinned],
  );
}

/**
 * Rates asked of each layer, [L]: recomputed in the frame in which the spec changes where they follow from it alone,
 * else as the engine has measured them; the target everywhere until it has.
 */
export function useRates(): number[] {
  const spec = useSpec((state) => state.spec);
  const layers = useLayers();
  const model = useRun((state) => state.model);
  const asked = useRun((state) => state.asked);
  const { run } = useRuns();
  const stored = run?.report?.allocation?.sparsity;
  return useMemo(() => {
    // An address may hold a beta that no model allows; it is cut here until the model has been loaded and said so.
    const legal = legalize(spec, layers);
    if (isByHand(legal) && legal.layerSparsity) {
      if (Array.isArray(legal.layerSparsity)) return legal.layerSparsity;
      if (model && fitsModel(legal.layerSparsity, model)) return layerMeans(legal.layerSparsity, model);
    }
    if (usesBeta(legal, layers)) return tiltedRates(legal, layers);
    const measured = stored ?? (asked?.key === runKey(spec) ? asked.rates : undefined);
    return measured?.length === layers ? measured : new Array<number>(layers).fill(legal.sparsity);
  }, [spec, layers, model, asked, stored]);
}

export interface BetaRange {
  beta: number;
  /** Largest legal beta, 0 where beta decides nothing. */
  limit: number;
  min: number;
}

export function useBetaRange(): BetaRange {
  const spec = useSpec((state) => state.spec);
  const layers = useLayers();
  const negative = useUi((state) => state.negative);
  const limit = betaLimit(spec, layers);
  const beta = betaOf(legalize(spec, layers));
  return { beta, limit, min: negative || beta < 0 ? -limit : 0 };
}

export interface CurveView {
  exact: CurveRecord | null;
  preview: CurveRecord | null;
  /** The kind that best, ties and the table speak of: exact where there is a point of it. */
  kind: StatsKind;
  best: number | null;
  ties: number[];
}

export function useSweepKind(): StatsKind {
  const chosen = useUi((state) => state.sweepKind);
  const fit = useRun(defaultSweepKind);
  return chosen ?? fit;
}

export function useCurve(): CurveView {
  const spec = useSpec((state) => state.spec);
  const key = useMemo(() => curveKey(spec), [spec]);
  const curves = useRun((state) => state.curves[key]);
  const wanted = useSweepKind();
  return useMemo(() => {
    const exact = curves?.exact ?? null;
    const preview = curves?.preview ?? null;
    const kind: StatsKind =
      wanted === 'exact'
        ? exact || !preview
          ? 'exact'
          : 'preview'
        : preview || !exact
          ? 'preview'
          : 'exact';
    const points = (kind === 'exact' ? exact : preview)?.points ?? [];
    const best = points.length > 1 ? bestBeta(points) : null;
    return { exact, preview, kind, best, ties: tiedBetas(points, best) };
  }, [curves, wanted]);
}
