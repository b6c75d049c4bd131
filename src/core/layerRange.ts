import type { ParamValue } from './spec';

/** 0-based, both ends included. */
export interface LayerRange {
  first: number;
  last: number;
}

/** The layers that `firstLayer` and `lastLayer` (-1: the last one) leave to be pruned; null where that is no range. */
export function layerRange(set: Readonly<Record<string, ParamValue>>, layers: number): LayerRange | null {
  const first = Number(set['firstLayer'] ?? 0);
  const asked = Number(set['lastLayer'] ?? -1);
  const last = asked === -1 ? layers - 1 : asked;
  const good =
    Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last < layers;
  return good ? { first, last } : null;
}
