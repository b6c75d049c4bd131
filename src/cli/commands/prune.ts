import { checkExport, exportTo, type ExportOptions } from '../../session/export';
import type { Command } from '../command';
import { describeCurve, describeRun } from '../describe';
import { archiveFlag, EXPERIMENT_FLAGS, ggufTypeFlag, oneModel } from '../flags';
import { checkOut, replaceFolder } from '../io';
import { nodeSink } from '../nodeSink';
import { keepRun } from '../keptRuns';
import { withReplay } from '../replay';
import { inputPaths, noteMemory, openSession, readSpec } from '../session';
import { storedRun } from '../stored';

export const pruneCommand: Command = {
  name: 'prune',
  usage: 'prune <model> --out DIR',
  summary: 'calibrate, prune, measure, export, read back and verify',
  flags: [...EXPERIMENT_FLAGS, 'seeds', 'out', 'force', 'masks', 'recipe', 'format', 'gguf-type', 'archive'],
  async run({ parsed, console, signal, finish }) {
    const stored = await storedRun(parsed);
    const model = oneModel(parsed, stored?.spec);
    const force = parsed.switches.has('force');
    const ggufType = ggufTypeFlag(parsed);
    const archive = archiveFlag(parsed);
    const options: ExportOptions = {
      masks: parsed.switches.has('masks'),
      recipe: parsed.switches.has('recipe'),
      ...(ggufType ? { ggufType } : {}),
      ...(archive ? { archive } : {}),
    };
    const out = await checkOut(parsed.values.get('out'), force, inputPaths(parsed, model));
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const { report, files, curve } = await replaceFolder(out, force, async (working) => {
        const spec = await readSpec(parsed, lab, 'auto');
        await session.load(spec.model);
        // Before the work, not after it.
        checkExport(lab, spec, options);
        const sweep = {
          kind: spec.stats === 'dense' ? 'preview' : 'exact',
          betas: spec.betas ?? null,
        } as const;
        await noteMemory(lab, spec, console);
        const chosen = spec.beta === 'auto' ? await lab.sweep(spec, sweep, io) : undefined;
        // Where all diverged there is still a run to export, which says so: the control.
        const beta = spec.beta === 'auto' ? (chosen?.best ?? 0) : spec.beta;
        const run = await lab.run(spec, beta, io, chosen);
        const measured = await withReplay(session, stored, run, beta, console);
        for (const warning of measured.warnings) console.warn(warning);
        const exported = await exportTo(lab, spec, beta, nodeSink(working), options, io, measured);
        return { ...exported, curve: chosen };
      });
      await keepRun(parsed, console, report);
      await finish(
        report,
        `${curve ? describeCurve(curve) : ''}${describeRun(report)}verified    ${files.length} files in ${out}\n`,
      );
      return 0;
    } finally {
      session.close();
    }
  },
};
