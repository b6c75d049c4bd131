/** `--spec` of a report: what is the same as in the stored run, and what is not. */
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import { openModel } from '../formats/hfModel';
import { nodeFiles } from '../formats/nodeFiles.node';
import { compareReplay, describeReplay, type ZeroDifferences } from '../session/replay';
import { compareZeros } from '../session/replayWeights';
import type { Console } from './io';
import type { CliSession } from './session';
import type { StoredRun } from './stored';

/**
 * The report with what its repetition found. A repetition on the same device with the same masks leaves the report as
 * it is, so that equal runs give equal reports; it is said on standard error.
 */
export async function withReplay(
  session: CliSession,
  stored: StoredRun | undefined,
  measured: RunReport,
  beta: number,
  console: Console,
): Promise<RunReport> {
  const original = stored?.report;
  if (!original) return measured;
  let replay = compareReplay(original, measured);
  if (!replay) return measured;
  if (replay.sameMasks !== true && stored.folder !== null) {
    const zeros = await zerosOf(session, stored.folder, measured, beta, console);
    replay = compareReplay(original, measured, zeros) ?? replay;
  }
  const line = describeReplay(replay);
  if (replay.sameMasks === true) console.note(line);
  if (replay.sameDevice && replay.sameMasks === true) return measured;
  const warnings = replay.sameMasks === true ? measured.warnings : [...measured.warnings, line];
  return { ...measured, replay, warnings };
}

async function zerosOf(
  { lab, io }: CliSession,
  folder: string,
  { spec }: RunReport,
  beta: number,
  console: Console,
): Promise<ZeroDifferences | undefined> {
  try {
    const { tensors } = await openModel(await nodeFiles(folder));
    return await compareZeros(lab, spec, beta, tensors, io);
  } catch (error) {
    const failure = LabError.from(error);
    if (failure.kind === 'CancelledError') throw failure;
    console.warn(`The stored weights cannot be compared: ${failure.message}`);
    return undefined;
  }
}
