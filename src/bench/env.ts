/** What the suites need from whoever runs them: the command line, or a page. */
import { LabError } from '../core/errors';
import type { WorkCount } from '../core/report';
import { defaultSpec, type LabSpec } from '../core/spec';
import type { ModelFiles } from '../formats/source';
import type { ExportSink } from '../formats/sink';
import { Recorder, type RecorderProbe } from '../gpu/recorder';
import type { ResolvedText } from '../session/texts';
import type { Engine, Meter } from '../session/engine';
import type { JobIo, Lab } from '../session/lab';
import type { MeasureOptions } from './measure';
import type { MeasuredPeaks } from './peaks';
import type { BenchRow } from './row';

export interface BenchModel {
  name: string;
  files: () => Promise<ModelFiles>;
  /** Several seconds for a forward pass on a software adapter: fewer repetitions. */
  large: boolean;
}

export interface BenchEnv {
  lab: Lab;
  io: JobIo;
  device: string;
  /** Small shapes, few repetitions: does it run, not how fast is it. */
  quick: boolean;
  models: readonly BenchModel[];
  /** A lab on a device of its own that chooses and cuts as hardware would; the caller closes its context. */
  openCounting: () => Promise<Lab>;
  /** A fresh place to export to. */
  openSink: () => Promise<{ sink: ExportSink; remove: () => Promise<void> }>;
  cpuMs?: () => number;
  emit: (row: BenchRow) => void;
  note: (text: string) => void;
}

/** What the suites get: the peaks are measured before the first of them. */
export interface SuiteEnv extends BenchEnv {
  peaks: MeasuredPeaks;
}

export const NO_METER: Meter = { total: () => undefined, add: () => undefined };

/** What every measurement passes on. */
export function turns(env: BenchEnv): Pick<MeasureOptions, 'signal' | 'cpuMs'> {
  return { signal: env.io.signal, cpuMs: env.cpuMs };
}

/** Loads the model, in place of the one before. */
export async function useModel(env: BenchEnv, model: BenchModel): Promise<Engine> {
  const files = await model.files();
  await env.lab.load(files, env.io, model.name);
  return env.lab.loaded.engine;
}

/** A spec of `windows` windows of `window` tokens in every text. */
export function textSpec(model: string, window: number, windows: number): LabSpec {
  return { ...defaultSpec(), model, window, samples: windows, windows };
}

export async function textOf(
  env: BenchEnv,
  spec: LabSpec,
  which: 'calibration' | 'select' | 'report',
): Promise<ResolvedText> {
  const text = (await env.lab.texts(spec, [which]))[which];
  if (!text) throw new LabError('InternalError', `There is no ${which} text.`);
  return text;
}

/** The same windows under another name, for what remembers results by a text's hash. */
export function renamed(text: ResolvedText, name: string): ResolvedText {
  return { ...text, record: { ...text.record, sha256: name } };
}

/** Runs `work` on a recorder of its own and waits until the device is idle. Returns what it recorded. */
export async function onDevice(
  env: BenchEnv,
  work: (rec: Recorder) => Promise<unknown>,
  probe?: RecorderProbe,
): Promise<WorkCount> {
  const rec = new Recorder(env.lab.ctx, { signal: env.io.signal, probe });
  try {
    await work(rec);
    await rec.finish();
    return { ...rec.work };
  } finally {
    rec.close();
  }
}
