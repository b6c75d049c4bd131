import type { Recorder } from '../gpu/recorder';
import { checkAct } from './check';
import type { Act } from './types';

/** Puts the residual where the kernel will add to it: a copy to `out`, unless it is `out` itself. */
export function placeResidual(rec: Recorder, op: string, residual: Act, out: Act): void {
  const { rows, cols } = out;
  checkAct(op, 'residual', residual, { rows, cols });
  if (residual.buffer === out.buffer || rows * cols === 0) return;
  rec.copy(residual.buffer, 0, out.buffer, 0, rows * cols * 4);
}
