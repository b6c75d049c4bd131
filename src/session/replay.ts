/** A run repeated from a stored report, held against that report. Pure: no GPU, no files. */
import { canonicalJson } from '../core/canonicalJson';
import type { DeviceRecord, Replay, RunReport } from '../core/report';
import { sameSpec } from '../core/runId';

/** Zeros that are in one of two models only, by matrix; from the weights themselves (session/replayWeights.ts). */
export type ZeroDifferences = Record<string, { differing: number; count: number }>;

/** What a report must hold to be repeated and compared. */
export type Repeatable = Pick<RunReport, 'id' | 'spec' | 'model' | 'device' | 'texts' | 'masks' | 'margin'>;

/** Whether `now` asked for what `original` asked for, of the same model and the same tokens. */
export function isReplay(original: Repeatable, now: Repeatable): boolean {
  return (
    original.model.sha256 === now.model.sha256 &&
    sameSpec(original.spec, now.spec) &&
    (['calibration', 'select', 'report'] as const).every(
      (which) => original.texts[which]?.sha256 === now.texts[which]?.sha256,
    )
  );
}

/**
 * What differs between a stored report and the same run now; null when `now` is another experiment. `zeros` gives the
 * exact share, where the stored weights are at hand.
 */
export function compareReplay(original: Repeatable, now: Repeatable, zeros?: ZeroDifferences): Replay | null {
  if (!isReplay(original, now)) return null;
  const names =
    original.masks && now.masks
      ? [...new Set([...Object.keys(original.masks), ...Object.keys(now.masks)])]
      : [];
  const other = names.filter((name) => original.masks?.[name] !== now.masks?.[name]);
  const counted = zeros && Object.entries(zeros);
  const sum = (of: 'differing' | 'count'): number =>
    (counted ?? []).reduce((total, [, z]) => total + z[of], 0);
  const equal = names.length > 0 ? other.length === 0 : counted ? sum('differing') === 0 : null;
  const margins = [original.margin, now.margin].filter((m) => typeof m === 'number');
  return {
    of: original.id,
    sameDevice: sameDevice(original.device, now.device),
    sameMasks: equal,
    matrices: names.length > 0 ? names.length : (counted?.length ?? 0),
    differingMatrices:
      names.length > 0 ? other.length : (counted ?? []).filter(([, z]) => z.differing > 0).length,
    ...(equal === true
      ? { differing: 0 }
      : counted && {
          differing: sum('differing') / (sum('count') || 1),
          byMatrix: Object.fromEntries(
            counted.flatMap(([name, z]) => (z.differing > 0 ? [[name, z.differing / z.count]] : [])),
          ),
        }),
    margin: margins.length > 0 ? Math.min(...margins) : null,
  };
}

/** Features and description decide nothing by themselves, but another set of them may choose other kernels. */
export function sameDevice(a: DeviceRecord, b: DeviceRecord): boolean {
  const part = ({ features, ...rest }: DeviceRecord): string => canonicalJson([rest, [...features].sort()]);
  return part(a) === part(b);
}

/** One line for people: what is the same, what is not, and how to learn more. */
export function describeReplay(replay: Replay): string {
  const device = replay.sameDevice ? 'the same device' : 'another device';
  const near =
    replay.margin === null
      ? ''
      : ` The smallest relative score gap at a threshold is ${replay.margin === 0 ? '0, a tie' : replay.margin.toPrecision(2)}: gaps of the size of rounding (about 1e-7) may fall either way on another device.`;
  if (replay.sameMasks === null)
    return `The run was repeated on ${device}; the stored report is from a version without mask hashes, so its masks cannot be compared. prunelab prune --spec with the export folder compares the weights.`;
  if (replay.sameMasks) return `The run was repeated on ${device}: every mask is the same.`;
  const matrices = `${replay.differingMatrices} of ${replay.matrices} masks`;
  const share =
    replay.differing === undefined
      ? `${matrices} differ; prunelab prune --spec with the export folder gives the share of the weights`
      : `${percent(replay.differing)} of the prunable weights are kept in one run and removed in the other (${matrices} differ)`;
  return `The run was repeated on ${device}: ${share}.${near}`;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value === 0 ? '0' : value >= 0.01 ? value.toPrecision(3) : value.toExponential(1)} %`;
}
