import { LabError } from '../../core/errors';
import { parseNumber, type LabSpec } from '../../core/spec';
import type { Command } from '../command';
import { describeCurve, describeRun } from '../describe';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { MAX_BETAS } from '../../core/storedSpec';
import { keepRun } from '../keptRuns';
import { withReplay } from '../replay';
import { noteMemory, openSession, readSpec, storedSpec } from '../session';
import { storedRun } from '../stored';

export const sweepCommand: Command = {
  name: 'sweep',
  usage: 'sweep <model>',
  summary: 'the curve of perplexity over beta, and the report of the best beta',
  flags: [...EXPERIMENT_FLAGS, 'seeds', 'betas'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed, await storedSpec(parsed));
    const betas = parseBetas(parsed);
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const stored = await readSpec(parsed, lab, 0);
      const spec = betas === undefined ? stored : withBetas(stored, betas);
      await session.load(spec.model);
      lab.plan(spec);
      await noteMemory(lab, { ...spec, beta: 'auto' }, console);
      const curve = await lab.sweep(
        spec,
        { kind: spec.stats === 'dense' ? 'preview' : 'exact', betas: spec.betas ?? null },
        io,
      );
      // Where every beta diverged there is still a run to report: the control.
      const beta = curve.best ?? 0;
      const measured = await lab.run(spec, beta, io, curve);
      const report = await withReplay(session, await storedRun(parsed), measured, beta, console);
      for (const warning of report.warnings) console.warn(warning);
      await keepRun(parsed, console, report);
      await finish(report, `${describeCurve(curve)}\n${describeRun(report)}`);
      return 0;
    } finally {
      session.close();
    }
  },
};

/** The spec holds what decides the curve: a list of betas, or nothing for the grid. */
function withBetas({ betas: _, ...spec }: LabSpec, betas: number[] | null): LabSpec {
  return betas ? { ...spec, betas } : spec;
}

/** undefined: not said; null: the grid. */
export function parseBetas(parsed: Parsed): number[] | null | undefined {
  const text = parsed.values.get('betas');
  if (text === undefined) return undefined;
  if (text === 'auto') return null;
  const betas = text.split(',').map((part) => parseNumber('--betas', part));
  if (betas.length > MAX_BETAS)
    throw new LabError('SpecError', `--betas lists ${betas.length} values; at most ${MAX_BETAS}.`);
  return betas;
}
