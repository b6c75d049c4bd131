/** Records of reconstruction error from sums (docs/methods.md): non-finite sums become null, never 0. */
import type { LayerErrors } from '../core/report';

export interface RawSums {
  local: number;
  inPlace: number;
  inherited: number;
  cumulative: number;
  cross: number;
  dense: number;
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

/** All six sums. */
export function fullErrors(s: RawSums): LayerErrors {
  return {
    local: finite(s.local),
    inPlace: finite(s.inPlace),
    inherited: finite(s.inherited),
    cumulative: finite(s.cumulative),
    cross: finite(s.cross),
    dense: finite(s.dense),
  };
}

/** Only what a cheap pass measures. */
export function cumulativeErrors(s: Pick<RawSums, 'cumulative' | 'dense'>): LayerErrors {
  return {
    local: null,
    inPlace: null,
    inherited: null,
    cumulative: finite(s.cumulative),
    cross: null,
    dense: finite(s.dense),
  };
}

export function anyDiverged(rows: readonly LayerErrors[]): boolean {
  return rows.some((r) => r.cumulative === null || r.dense === null);
}
