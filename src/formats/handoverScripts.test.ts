import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APPLY_MASKS, oneshotScript } from './handoverScripts';

const document = readFileSync('docs/handover.md', 'utf8');

test('the document shows the scripts that are written', () => {
  expect(document).toContain(`\`\`\`python\n${APPLY_MASKS}\`\`\``);
  expect(document).toContain(`\`\`\`python\n${oneshotScript(false)}\`\`\``);
});

test('statistics of the dense model are asked for where the lab took them', () => {
  expect(oneshotScript(true)).toContain('    propagate_error=False,');
  expect(oneshotScript(false)).not.toContain('propagate_error');
});
