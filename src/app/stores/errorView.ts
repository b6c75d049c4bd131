/**
 * What the error chart and its table show, derived from the runs at hand. Exact and preview figures never share a
 * line: rows of a run fill `cumulative`, a drag's rows fill `preview`.
 */
import type { LayerErrors, StatsKind } from '../../core/report';
import type { TextName } from '../../core/spec';
import type { PreviewRecord, RunRecord } from './runStore';

export type ErrorView = 'absolute' | 'perElement' | 'relative' | 'ratio';

export const ERROR_VIEWS: Record<
  ErrorView,
  { label: string; brief: string; quantity: string; unit: string; log: boolean }
> = {
  absolute: {
    label: 'Absolute',
    brief: 'Squared distance from the dense model',
    quantity: 'Squared distance to the dense model’s activations, summed over all tokens',
    unit: 'squared activation',
    log: true,
  },
  perElement: {
    label: 'Per element',
    brief: 'Mean squared distance from the dense model',
    quantity: 'Mean squared distance to the dense model’s activations, per element',
    unit: 'squared activation',
    log: true,
  },
  relative: {
    label: 'Relative',
    brief: 'Squared distance over the dense model’s own size',
    quantity: 'Squared distance to the dense model’s activations, relative to their own squared size',
    unit: 'ratio',
    log: true,
  },
  ratio: {
    label: 'Ratio to uniform',
    brief: 'Error over the uniform run’s, below 1 is better',
    quantity: 'Error divided by the error of the uniform run, layer by layer',
    unit: 'ratio',
    log: false,
  },
};

type Quantity = 'cumulative' | 'local' | 'inPlace' | 'inherited';
type Value = number | null;

export interface ErrorRow {
  layer: number;
  cumulative: Value;
  local: Value;
  inPlace: Value;
  inherited: Value;
  /** The uniform run behind, of the same kind as the line in front of it. */
  uniform: Value;
  /** Cumulative error of the drag in progress. */
  preview: Value;
  /** Parts of the last complete run, until those of this one are there. */
  oldLocal: Value;
  oldInPlace: Value;
  oldInherited: Value;
  pinned: Value;
}

export interface ErrorViewInput {
  layers: number;
  view: ErrorView;
  /** The complete run of the present spec. */
  run: RunRecord | null;
  /** The run of the present spec whose rows are arriving. */
  live: RunRecord | null;
  /** The complete run that was last on screen. */
  last: RunRecord | null;
  preview: PreviewRecord | null;
  uniform: RunRecord | null;
  previewUniform: PreviewRecord | null;
  pinned: RunRecord | null;
}

export interface ErrorViewModel {
  rows: ErrorRow[];
  /** What the front line is: a finished run, one arriving, a drag, or nothing yet. */
  state: 'complete' | 'arriving' | 'preview' | 'empty';
  kind: StatsKind | null;
  text: TextName;
  tokens: number | null;
  /** The spec that the dimmed parts belong to. */
  partsBeta: number | 'auto' | null;
  previewBeta: number | 'auto' | null;
  /** File that the front line was read from; null where it was measured here. */
  source: string | null;
  caption: string;
}

interface Scale {
  tokens: number;
  hidden: number;
}

function scaled(
  view: ErrorView,
  value: Value | undefined,
  dense: Value | undefined,
  base: Value | undefined,
  scale: Scale,
): Value {
  if (value === null || value === undefined) return null;
  switch (view) {
    case 'absolute':
      return value;
    case 'perElement':
      return scale.tokens * scale.hidden > 0 ? value / (scale.tokens * scale.hidden) : null;
    case 'relative':
      return dense ? value / dense : null;
    case 'ratio':
      return base ? value / base : null;
  }
}

export function deriveErrorView(input: ErrorViewInput): ErrorViewModel {
  const { layers, view, run, live, preview, uniform, previewUniform, pinned } = input;
  const front = run ?? (live && live.rows.length > 0 ? live : null);
  const drag = run ? null : preview;
  const old = run ? null : input.last;

  const of = (record: RunRecord | null, i: number, quantity: Quantity): Value => {
    const row: LayerErrors | undefined = record?.rows[i];
    if (!record || !row) return null;
    return scaled(view, row[quantity], row.dense, uniform?.rows[i]?.[quantity], record);
  };
  const ofPreview = (record: PreviewRecord | null, i: number): Value => {
    const row = record?.layers[i];
    return record && row
      ? scaled(view, row.cumulative, row.dense, previewUniform?.layers[i]?.cumulative, record)
      : null;
  };

  const rows = Array.from({ length: layers }, (_, i) => ({
    layer: i + 1,
    cumulative: of(front, i, 'cumulative'),
    local: of(front, i, 'local'),
    inPlace: of(front, i, 'inPlace'),
    inherited: of(front, i, 'inherited'),
    uniform: drag && !front && previewUniform ? ofPreview(previewUniform, i) : of(uniform, i, 'cumulative'),
    preview: ofPreview(drag, i),
    oldLocal: front ? null : of(old, i, 'local'),
    oldInPlace: front ? null : of(old, i, 'inPlace'),
    oldInherited: front ? null : of(old, i, 'inherited'),
    pinned: of(pinned, i, 'cumulative'),
  }));

  const state = run ? 'complete' : front ? 'arriving' : drag ? 'preview' : 'empty';
  const source = front ?? drag ?? null;
  const kind = front ? front.kind : drag ? 'preview' : null;
  const text = front?.text ?? uniform?.text ?? 'calibration';
  const model = {
    rows,
    state,
    kind,
    text,
    tokens: source?.tokens ?? null,
    partsBeta: old && !front ? old.spec.beta : null,
    previewBeta: drag ? drag.spec.beta : null,
    source: front?.stored ?? null,
  } as const;
  return { ...model, caption: captionOf(view, model) };
}

function captionOf(
  view: ErrorView,
  model: Pick<ErrorViewModel, 'kind' | 'text' | 'tokens' | 'state' | 'source'>,
): string {
  const { quantity, unit } = ERROR_VIEWS[view];
  const parts = [`${quantity} (unit: ${unit})`, `${model.text} text`];
  if (model.tokens !== null) parts.push(`${model.tokens} tokens`);
  if (model.kind === 'exact') parts.push('exact');
  if (model.kind === 'preview') parts.push('preview from dense statistics');
  if (model.source !== null) parts.push(`from ${model.source}, not measured here`);
  if (model.state === 'arriving') parts.push('still arriving');
  if (model.state === 'empty') parts.push('pending');
  return `${parts.join('; ')}.`;
}
