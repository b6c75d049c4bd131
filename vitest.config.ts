/**
 * Three projects: `unit` (no GPU), `gpu` (kernels and models on Dawn in Node) and `browser` (the same GPU files in
 * Chromium). The environment that gives Node a Vulkan driver is set by scripts/test.js before vitest starts.
 */
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { findBrowser } from './scripts/lib/browser.js';
import { chromeArguments } from './scripts/lib/chromeArguments.js';
import { makeText } from './scripts/make-text.js';

makeText();

const GPU_TESTS = 'src/**/*.gpu.test.ts';
/** Of a GPU test: software adapters are slow. */
const GPU_TIMEOUT_MS = 300_000;

export default defineConfig({
  // Scanned for dependencies of the browser project only; the engine has no CommonJS dependency to prepare.
  optimizeDeps: { exclude: ['webgpu'] },
  test: {
    // Figures of the report at the end of npm test come from the JSON reporter.
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.{ts,tsx}',
            'scripts/**/*.test.ts',
            'bench/peers/*.test.ts',
            'bench/peers/page/*.test.ts',
          ],
          exclude: [GPU_TESTS],
          environment: 'node',
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          include: [GPU_TESTS],
          environment: 'node',
          setupFiles: ['src/testing/setupGpu.ts'],
          testTimeout: GPU_TIMEOUT_MS,
          hookTimeout: GPU_TIMEOUT_MS,
          pool: 'forks',
          // One process after the other: a software adapter already uses every core.
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: [GPU_TESTS],
          setupFiles: ['src/testing/setupGpu.ts'],
          testTimeout: GPU_TIMEOUT_MS,
          hookTimeout: GPU_TIMEOUT_MS,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' }],
            provider: playwright({
              launchOptions: { executablePath: findBrowser()?.path, args: chromeArguments() },
            }),
          },
        },
      },
    ],
  },
});
