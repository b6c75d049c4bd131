import { LabError } from '../../core/errors';
import { parseNumber } from '../../core/spec';
import type { Command } from '../command';
import { describeCurve, describeRun } from '../describe';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { openSession, readSpec, storedSpec } from '../session';

export const sweepCommand: Command = {
  name: 'sweep',
  usage: 'sweep <model>',
  summary: 'the curve of perplexity over beta, and the report of the best beta',
  flags: [...EXPERIMENT_FLAGS, 'betas'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed, await storedSpec(parsed));
    const betas = parseBetas(parsed);
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const spec = await readSpec(parsed, lab, 0);
      await session.load(spec.model);
      const curve = await lab.sweep(spec, { kind: spec.stats === 'dense' ? 'preview' : 'exact', betas }, io);
      // Where every beta diverged there is still a run to report: the control.
      const report = await lab.run({ ...spec, beta: spec.beta }, curve.best ?? 0, io, curve);
      for (const warning of report.warnings) console.warn(warning);
      await finish(report, `${describeCurve(curve)}\n${describeRun(report)}`);
      return 0;
    } finally {
      session.close();
    }
  },
};

function parseBetas(parsed: Parsed): number[] | null {
  const text = parsed.values.get('betas');
  if (text === undefined || text === 'auto') return null;
  const betas = text.split(',').map((part) => parseNumber('--betas', part));
  if (betas.length > 1000) throw new LabError('SpecError', `--betas lists ${betas.length} values; at most 1000.`);
  return betas;
}
