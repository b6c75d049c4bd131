// @ts-check
// docs/theory.md from stored verdicts and the names of the figures beside them.

/**
 * @typedef {{ theorem: string, title: string, claim: string, verdict: { holds: 'yes' | 'partly' | 'no' | 'open', text: string } | null }} Experiment
 * @typedef {{ source: string, windows: number, window: number }} Text
 * @typedef {{ command: string, version: string, model: { name: string, layers: number, parameters: number }, device: { description: string, vendor: string, software: boolean }, texts: Record<'calibration' | 'select' | 'report', Text>, seeds: number[], pruner: string, sparsity: number, densePerplexity: number | null, warnings: string[], experiments: Experiment[] }} Stored
 * @typedef {{ name: string, stored: Stored, figures: string[] }} Measured
 */

const WORDS = {
  yes: 'holds here',
  partly: 'holds in part',
  no: 'does not hold here',
  open: 'cannot be told',
};

/** @param {Experiment} e */
const wordOf = ({ verdict }) => (verdict ? WORDS[verdict.holds] : 'not measured');

/** @param {Measured[]} models */
export function theoryPage(models) {
  const lines = [
    '# The theory on trial',
    '',
    '<!-- Written by npm run theory; changes belong into scripts/lib/theoryPage.js. -->',
    '',
    'The claims of _Determining Layer-wise Sparsity for Large Language Models Through a Theoretical Perspective_ (arXiv',
    '2502.14770) and what this lab derives from them, each measured on a model at hand. These are small models on few tokens:',
    'a claim that fails here may hold at the scale of the paper, and the other way round. `prunelab theory <model> --theorem',
    'ID` does the same on any model.',
  ];
  for (const { name, stored, figures } of models) {
    const { model, device, texts, experiments } = stored;
    lines.push(
      '',
      `## ${model.name}`,
      '',
      `${model.layers} layers, ${model.parameters} weights; ${stored.pruner} to a sparsity of ${stored.sparsity}; calibration ${texts.calibration.windows} windows of ${texts.calibration.window} tokens (${texts.calibration.source}), perplexity on ${texts.select.windows} windows of the select text, dense ${stored.densePerplexity?.toPrecision(5) ?? 'diverged'}; seeds ${stored.seeds.join(', ')}; ${device.description || device.vendor}${device.software ? ' (software)' : ''}, version ${stored.version}.`,
      '',
      '```sh',
      stored.command,
      '```',
      '',
      '| claim | verdict |',
      '| --- | --- |',
      ...experiments.map((e) => `| ${e.title} | ${wordOf(e)} |`),
    );
    for (const e of experiments) {
      lines.push(
        '',
        `### ${e.title}`,
        '',
        `_Claim:_ ${e.claim}`,
        '',
        `**It ${wordOf(e)}.** ${e.verdict?.text ?? ''}`,
      );
      for (const file of figures.filter((f) => f === `${e.theorem}.svg` || f.startsWith(`${e.theorem}-`)))
        lines.push('', `![${e.title}](theory/${name}/${file})`);
    }
  }
  return `${lines.join('\n')}\n`;
}
