import { LabError } from '../../core/errors';
import { parseNumber } from '../../core/spec';
import { FORMAT_WORDS } from '../../core/speed';
import { firstDifference, generate } from '../../session/generate';
import type { GenerateRequest, GenerateResult } from '../../session/protocol';
import type { Command } from '../command';
import { oneModel } from '../flags';
import { openSession } from '../session';

export const generateCommand: Command = {
  name: 'generate',
  usage: 'generate <model> --prompt T',
  summary: 'continue a text, with an exported model beside it',
  flags: ['prompt', 'pruned', 'format', 'max-tokens', 'temperature', 'generation-seed'],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed);
    const value = (name: string): string | undefined => parsed.values.get(name);
    const prompt = value('prompt');
    if (prompt === undefined)
      throw new LabError('SpecError', '--prompt T is missing.', 'Give the text to continue.');
    const request = {
      prompt,
      maxTokens: parseNumber('--max-tokens', value('max-tokens') ?? '48', {
        min: 1,
        max: 1 << 20,
        integer: true,
      }),
      temperature: parseNumber('--temperature', value('temperature') ?? '0', { min: 0, max: 100 }),
      seed: parseNumber('--generation-seed', value('generation-seed') ?? '0', {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        integer: true,
      }),
    };
    const format = readFormat(value('format'), value('pruned'));
    const session = await openSession(parsed, console, signal);
    try {
      await session.load(model);
      const { dense } = await generate(session.lab, null, request, session.io);
      const result: GenerateResult = { prompt, dense };
      const exported = value('pruned');
      if (exported !== undefined) {
        await session.load(exported);
        const other = await generate(session.lab, null, { ...request, ...format }, session.io);
        result.pruned = other.dense;
        result.firstDifference = firstDifference(dense.ids, other.dense.ids);
      }
      const show = (label: string, side: GenerateResult['dense']): string =>
        `${label} (${side.format ? `${FORMAT_WORDS[side.format]}, ` : ''}${side.tokensPerSecond.toFixed(1)} tokens/s)\n${side.text}\n`;
      await finish(
        result,
        show('dense', result.dense) + (result.pruned ? `\n${show('pruned', result.pruned)}` : ''),
      );
      return 0;
    } finally {
      session.close();
    }
  },
};

const FORMATS = ['auto', 'dense', 'bitmask', 'csr', 'km'] as const;

/** What the exported model is read from. */
function readFormat(text: string | undefined, pruned: string | undefined): Pick<GenerateRequest, 'format'> {
  if (text === undefined) return {};
  const format = FORMATS.find((known) => known === text);
  if (!format)
    throw new LabError('SpecError', `--format must be ${FORMATS.join(', ')}; not "${text.slice(0, 60)}".`);
  if (pruned === undefined)
    throw new LabError('SpecError', '--format says how --pruned DIR is read.', 'Add --pruned DIR.');
  return { format };
}
