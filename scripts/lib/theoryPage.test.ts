import { expect, test } from 'vitest';
import { theoryPage, type Stored } from './theoryPage.js';

const text = { source: 'bundled', windows: 4, window: 32 };
const stored: Stored = {
  command: 'node bin/prunelab.js theory demo',
  version: '0.1.0',
  model: { name: 'demo', layers: 4, parameters: 1000 },
  device: { description: 'Adapter', vendor: 'x', software: true },
  texts: { calibration: text, select: text, report: text },
  seeds: [0, 1],
  pruner: 'wanda',
  sparsity: 0.7,
  densePerplexity: 20.5,
  warnings: [],
  experiments: [
    {
      theorem: '3.1',
      title: 'Theorem 3.1',
      claim: 'More is worse.',
      verdict: { holds: 'no', text: 'It fell.' },
    },
    { theorem: '3.5', title: 'Theorem 3.5', claim: 'Rising is best.', verdict: null },
  ],
};

test('every statement stands with its verdict and its own figures', () => {
  const page = theoryPage([{ name: 'demo', stored, figures: ['3.1.svg', '3.5-2.svg', '3.5.svg'] }]);
  expect(page).toContain('| Theorem 3.1 | does not hold here |');
  expect(page).toContain('| Theorem 3.5 | not measured |');
  const [first = '', second = ''] = page.split('### ').slice(1);
  expect(first).toContain('_Claim:_ More is worse.');
  expect(first).toContain('It fell.');
  expect(first.match(/!\[.*\]\(theory\/demo\/.*\)/g)).toHaveLength(1);
  expect(second.match(/!\[.*\]\(theory\/demo\/.*\)/g)).toHaveLength(2);
});
