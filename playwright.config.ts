/**
 * End-to-end tests: the built page, served as a static host would, in the browser that scripts/lib/browser.js finds.
 * `npm test` builds first; `npx playwright test` tests the build that is there.
 */
import { defineConfig } from '@playwright/test';
import { findBrowser } from './scripts/lib/browser.js';
import { chromeArguments } from './scripts/lib/chromeArguments.js';

const PORT = Number(process.env.PRUNELAB_E2E_PORT ?? 4179);
const url = `http://127.0.0.1:${PORT}/`;
const executablePath = findBrowser()?.path;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // Software adapters use every core: one page at a time, and time enough for it.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: Boolean(process.env.CI),
  use: {
    baseURL: url,
    browserName: 'chromium',
    viewport: { width: 1440, height: 1000 },
    // A worker would answer from its cache what a test changes on the way; hosting.spec.ts allows it again.
    serviceWorkers: 'block',
    screenshot: 'only-on-failure',
    launchOptions: { ...(executablePath ? { executablePath } : {}), args: chromeArguments() },
  },
  webServer: {
    command: `node scripts/serve.js dist ${PORT}`,
    url,
    reuseExistingServer: false,
    timeout: 30_000,
  },
});
