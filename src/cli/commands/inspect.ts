import { parseNumber } from '../../core/spec';
import { LabError } from '../../core/errors';
import { inspectLayer } from '../../session/inspectLayer';
import type { Command } from '../command';
import { describeLayer } from '../describe';
import { EXPERIMENT_FLAGS, oneModel } from '../flags';
import { openSession, readSpec, storedSpec } from '../session';

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'inspect <model> --layer I',
  summary: 'one layer as it is pruned: zeros, local error, dead rows and columns, scores',
  flags: [...EXPERIMENT_FLAGS, 'layer'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed, await storedSpec(parsed));
    const given = parsed.values.get('layer');
    if (given === undefined)
      throw new LabError('SpecError', '"inspect" needs a layer.', 'Give --layer I; the first is 0.');
    const layer = parseNumber('--layer', given, { min: 0, integer: true });
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const spec = await readSpec(parsed, lab, 0);
      await session.load(spec.model);
      const sweep = {
        kind: spec.stats === 'dense' ? 'preview' : 'exact',
        betas: spec.betas ?? null,
      } as const;
      const beta = spec.beta === 'auto' ? ((await lab.sweep(spec, sweep, io)).best ?? 0) : spec.beta;
      const record = await inspectLayer(lab, spec, beta, layer, io);
      await finish(record, describeLayer(record));
      return 0;
    } finally {
      session.close();
    }
  },
};
