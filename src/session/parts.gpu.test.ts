/** Fused matrices are pruned as one and counted apart: Wanda takes the same number from every row, so from every part. */
import { expect, test } from 'vitest';
import { fixtureModel, fixtureTensors, i32 } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';

test.each([
  ['gpt2', ['q', 'k', 'v']],
  ['gpt_neox', ['q', 'k', 'v']],
  ['phi3', ['q', 'k', 'v', 'gate', 'up']],
])('%s', (name, names) =>
  withLab(async ({ lab, io }) => {
    const expected = await fixtureTensors(name, 'expected.safetensors');
    const ids = [...i32(expected.get('ids')).subarray(0, 12)];
    for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, [ids]);
    await lab.load(await fixtureModel(name), io);
    const { sparsity } = await lab.run(windowSpec({ sparsity: 0.5 }), 0, io);
    const parts = Object.entries(sparsity?.parts ?? {});
    expect(new Set(parts.flatMap(([, of]) => Object.keys(of)))).toEqual(new Set(names));
    for (const [tensor, of] of parts) {
      const whole = sparsity?.matrices[tensor];
      const all = Object.values(of);
      expect(all.reduce((sum, { zeros }) => sum + zeros, 0)).toBe(whole?.zeros);
      expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(whole?.count);
      for (const { zeros, count } of all)
        expect(zeros * (whole?.count ?? 0)).toBe(count * (whole?.zeros ?? 0));
    }
  }),
);
