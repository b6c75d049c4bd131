import type { Command } from '../command';
import { EXPERIMENT_FLAGS, oneModel } from '../flags';
import { describePerplexity } from '../describe';
import { keepRun } from '../keptRuns';
import { openSession, readSpec, storedSpec } from '../session';
import { counted } from '../../core/words';

export const evalCommand: Command = {
  name: 'eval',
  usage: 'eval <model>',
  summary: 'perplexity of the report text, nothing pruned',
  flags: EXPERIMENT_FLAGS,
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed, await storedSpec(parsed));
    const session = await openSession(parsed, console, signal);
    try {
      const spec = await readSpec(parsed, session.lab, 0);
      await session.load(spec.model);
      session.lab.plan(spec);
      const report = await session.lab.evaluate(spec, session.io);
      for (const warning of report.warnings) console.warn(warning);
      await keepRun(parsed, console, report);
      await finish(
        report,
        `perplexity ${describePerplexity(report.perplexity.dense)} (${counted(report.perplexity.windows, 'window')} of ${report.perplexity.window} tokens, ${report.texts.report.source})\n`,
      );
      return 0;
    } finally {
      session.close();
    }
  },
};
