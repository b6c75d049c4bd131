/** Cutting an output [rows, cols] into dispatches that each stay under a cost, so that submits stay short. */
export interface Tile {
  rowBegin: number;
  rows: number;
  colBegin: number;
  cols: number;
}

export interface SplitOptions {
  rows: number;
  cols: number;
  /** Pieces begin at multiples of these (the kernel's own tile), so that no lane is wasted inside. */
  rowUnit: number;
  colUnit: number;
  costPerElement: number;
  maxCost: number;
}

/** Equal parts of `total` in multiples of `unit`, each at most `most` (but at least one unit). */
export function equalParts(total: number, unit: number, most: number): number {
  const limit = Math.max(unit, Math.floor(most / unit) * unit);
  const parts = Math.max(1, Math.ceil(total / limit));
  return Math.ceil(Math.ceil(total / parts) / unit) * unit;
}

/** The same for a single run of `total` items: [begin, end) in multiples of `unit`. */
export function* splitRange(
  total: number,
  unit: number,
  costPerItem: number,
  maxCost: number,
): Generator<{ begin: number; end: number }> {
  const step = equalParts(total, unit, maxCost / costPerItem);
  for (let begin = 0; begin < total; begin += step) yield { begin, end: Math.min(total, begin + step) };
}

/** Rows are cut first; columns only where one unit of rows alone costs too much. */
export function* splitTiles(o: SplitOptions): Generator<Tile> {
  const rowCost = o.costPerElement * o.cols;
  const rowStep = equalParts(o.rows, o.rowUnit, o.maxCost / rowCost);
  const bandCost = o.costPerElement * Math.min(rowStep, o.rows);
  const colStep = equalParts(o.cols, o.colUnit, o.maxCost / bandCost);
  for (let rowBegin = 0; rowBegin < o.rows; rowBegin += rowStep) {
    for (let colBegin = 0; colBegin < o.cols; colBegin += colStep) {
      yield {
        rowBegin,
        rows: Math.min(rowStep, o.rows - rowBegin),
        colBegin,
        cols: Math.min(colStep, o.cols - colBegin),
      };
    }
  }
}
