/** From a phone to a wall, in both themes, at rest and at work. */
import { expect, SMALL, test } from './fixtures/labPage';

for (const [width, height] of [
  [360, 740],
  [820, 1180],
  [3840, 2160],
] as const) {
  // prettier-ignore
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${width} pixels, ${colorScheme}`, async ({ lab, page }) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await lab.openTwoBlock(SMALL);
      expect(await lab.overflow()).toBeLessThanOrEqual(0);
      expect(await lab.accessibility()).toEqual([]);
      await lab.choice('Model').click();
      await expect(page.getByRole('listbox')).toBeVisible();
      expect(await lab.overflow()).toBeLessThanOrEqual(0);
      expect(await lab.accessibility()).toEqual([]);
      await page.keyboard.press('Escape');
      await expect(lab.choice('Model')).toBeFocused();
      for (const tool of await page.getByRole('button', { name: 'Show table' }).all()) await tool.click();
      expect(await lab.overflow()).toBeLessThanOrEqual(0);
      expect(await lab.accessibility()).toEqual([]);
    });
  }
}
