/** A record of the theory for people: every claim asked for, and its verdict. */
import type { TheoryRecord, Verdict } from '../core/theory';

const WORDS: Readonly<Record<Verdict['holds'], string>> = {
  yes: 'It holds here.',
  partly: 'It holds in part.',
  no: 'It does not hold here.',
  open: 'It cannot be told.',
};

export function describeTheory({ experiments, spec, model, device }: TheoryRecord): string {
  const { base, seeds } = spec;
  return [
    `${model.name} on ${device.description || device.vendor}: ${base.pruner}, sparsity ${base.sparsity}, seeds ${seeds.join(', ')}`,
    ...experiments
      .filter(({ theorem }) => spec.theorems.includes(theorem))
      .map(
        ({ title, claim, verdict }) =>
          `\n${title}\n  Claim: ${claim}\n  ${verdict ? `${WORDS[verdict.holds]} ${verdict.text}` : 'Not finished.'}`,
      ),
    '',
  ].join('\n');
}
