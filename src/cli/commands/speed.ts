import { LabError } from '../../core/errors';
import type { SpeedRequest } from '../../core/speed';
import { STORAGE_FORMATS } from '../../core/sparseSizes';
import { parseNumber } from '../../core/spec';
import { parseFormats, speedCases } from '../../session/speed/cases';
import { measureSpeed } from '../../session/speed/measure';
import type { Command } from '../command';
import { describeSpeed } from '../describeSpeed';
import { EXPERIMENT_FLAGS, oneModel, type Parsed } from '../flags';
import { openSession, readSpec } from '../session';

export const speedCommand: Command = {
  name: 'speed',
  usage: 'speed <model> --formats LIST',
  summary: 'tokens per second and bytes of the pruned model in every storage format',
  flags: [...EXPERIMENT_FLAGS, 'pruned', 'formats', 'prompt-tokens', 'tokens', 'reps', 'warmup'],
  async run({ parsed, console, signal, finish }) {
    oneModel(parsed);
    const request = readRequest(parsed);
    const folder = parsed.values.get('pruned');
    if (folder !== undefined) refuseWithFolder(parsed);
    const session = await openSession(parsed, console, signal);
    try {
      const { lab, io } = session;
      const spec = folder === undefined ? await readSpec(parsed, lab, 'auto') : null;
      await session.load(spec?.model ?? folder ?? '');
      const cases = spec ? speedCases(lab, spec) : [{ name: lab.loaded.record.name, pruning: null }];
      const record = await measureSpeed(lab, cases, request, io);
      for (const warning of record.warnings) console.warn(warning);
      await finish(record, describeSpeed(record));
      return 0;
    } finally {
      session.close();
    }
  },
};

function readRequest(parsed: Parsed): SpeedRequest {
  const count = (name: string, without: number, min: number): number =>
    parseNumber(`--${name}`, parsed.values.get(name) ?? String(without), {
      min,
      max: 1 << 16,
      integer: true,
    });
  return {
    formats: parseFormats(parsed.values.get('formats') ?? STORAGE_FORMATS.join(',')),
    promptTokens: count('prompt-tokens', 32, 1),
    tokens: count('tokens', 128, 1),
    reps: count('reps', 5, 1),
    warmup: count('warmup', 2, 0),
  };
}

/** The zeros of an exported folder are what they are. */
function refuseWithFolder(parsed: Parsed): void {
  const given = EXPERIMENT_FLAGS.find((flag) => parsed.values.has(flag) && flag !== 'report');
  if (given !== undefined)
    throw new LabError(
      'SpecError',
      `--${given} says how to prune; --pruned DIR is pruned already.`,
      `Leave out --${given} or --pruned.`,
    );
}
