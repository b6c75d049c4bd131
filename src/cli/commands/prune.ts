import { chmod, mkdtemp, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError } from '../../core/errors';
import type { Curve } from '../../core/report';
import { exportTo } from '../../session/export';
import type { Command } from '../command';
import { describeCurve, describeRun } from '../describe';
import { EXPERIMENT_FLAGS, oneModel } from '../flags';
import { checkOut } from '../io';
import { nodeSink } from '../nodeSink';
import { openSession, readSpec, storedSpec } from '../session';

export const pruneCommand: Command = {
  name: 'prune',
  usage: 'prune <model> --out DIR',
  summary: 'calibrate, prune, measure, export, read back and verify',
  flags: [...EXPERIMENT_FLAGS, 'out', 'force', 'masks'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed, await storedSpec(parsed));
    const out = await checkOut(parsed.values.get('out'), parsed.switches.has('force'));
    const session = await openSession(parsed, console, signal);
    // Beside the target, so that the last step is a rename on one disk.
    await mkdir(dirname(out), { recursive: true });
    const working = await mkdtemp(join(dirname(out), `.${basename(out)}.`));
    try {
      const { lab, io } = session;
      const spec = await readSpec(parsed, lab, 'auto');
      await session.load(spec.model);
      let curve: Curve | undefined;
      let beta = 0;
      if (spec.beta === 'auto') {
        curve = await lab.sweep(spec, { kind: spec.stats === 'dense' ? 'preview' : 'exact', betas: null }, io);
        if (curve.best === null) throw new LabError('SpecError', 'Every beta of the sweep diverged.', 'Ask for a lower sparsity.');
        beta = curve.best;
      } else beta = spec.beta;
      const measured = await lab.run(spec, beta, io, curve);
      for (const warning of measured.warnings) console.warn(warning);
      const { report, files } = await exportTo(lab, spec, beta, nodeSink(working), { masks: parsed.switches.has('masks') }, io, measured);
      // Empty, or --force was given: checkOut has seen to it.
      await rm(out, { recursive: true, force: true });
      await rename(working, out);
      // mkdtemp made it private.
      await chmod(out, 0o755);
      await finish(report, `${curve ? describeCurve(curve) : ''}${describeRun(report)}verified    ${files.length} files in ${out}\n`);
      return 0;
    } finally {
      await rm(working, { recursive: true, force: true });
      session.close();
    }
  },
};
