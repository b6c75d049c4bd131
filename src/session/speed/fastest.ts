/** The storage format that generation goes through: one that is asked for, or the quickest on this adapter. */
import { LabError } from '../../core/errors';
import { spreadOf } from '../../core/speed';
import { STORAGE_FORMATS, type StorageFormat } from '../../core/sparseSizes';
import type { Recorder } from '../../gpu/recorder';
import type { Scope } from '../../gpu/scope';
import { Workspace } from '../../ops/workspace';
import type { PrunedLayer } from '../../pruning/masks';
import type { Lab } from '../lab';
import { failedFormats } from './checks';
import { cannotHold, groupLength, makeFormats, type FormatModel } from './formats';
import { LayerBench } from './timing';

const TRIES = 3;

/**
 * The model with its zeros in the format that is wished for; 'auto' times one token's products in every format that
 * holds it. `layers` null: the zeros are those of the loaded model. SpecError for a format that cannot hold it.
 */
export async function openFormat(
  lab: Lab,
  rec: Recorder,
  scope: Scope,
  pruned: { layers: readonly PrunedLayer[] | null; pattern: string | null },
  wish: StorageFormat | 'auto',
): Promise<FormatModel> {
  const { model } = lab.loaded.engine;
  const group = groupLength(pruned.pattern);
  const wished = STORAGE_FORMATS.filter((f) => f !== 'dense' && (wish === 'auto' || f === wish));
  const failures = await failedFormats(lab, wished);
  const why = (format: StorageFormat): string | null =>
    failures.get(format) ?? cannotHold(format, model, group);
  const possible = wished.filter((format) => why(format) === null);
  if (possible.length === 0)
    throw new LabError(
      'SpecError',
      `The format ${wish} is not for this model: ${why(wish as StorageFormat) ?? 'there is none'}`,
      'Use auto or dense.',
    );
  const scratch = new Workspace(scope);
  const made = await makeFormats({ rec, scope, scratch, model, layers: pruned.layers, group }, possible);
  const own = scope.child();
  const bench = new LayerBench(rec, own, model);
  const times = made.map((): number[] => []);
  const middle = Math.floor(model.layers.length / 2);
  const repeats = made[0] && made.length > 1 ? await bench.repeats(middle, made[0].view) : 0;
  if (repeats > 0)
    for (let i = 0; i <= TRIES; i++)
      for (const [at, { view }] of made.entries()) {
        const ms = await bench.ms(middle, view, repeats);
        // The first turn compiles.
        if (i > 0) times[at]?.push(ms);
      }
  own.close();
  const medians = times.map((runs) => spreadOf(runs).median);
  const best = made[Math.max(0, medians.indexOf(Math.min(...medians)))];
  for (const other of made) if (other !== best) other.scope.close();
  if (!best) throw new LabError('InternalError', 'No format was made.');
  return best;
}
