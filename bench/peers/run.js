// @ts-check
// Ours and the peers in one page of the browser that the tests use. Rows go to standard output, one JSON object a line;
// progress to standard error. `--quick`: small shapes; `--no-install`: with the peers that are there.
import { chromium } from '@playwright/test';
import { ensureBrowser } from '../../scripts/lib/browser.js';
import { chromeArguments } from '../../scripts/lib/chromeArguments.js';
import { fail, say } from '../../scripts/lib/say.js';
import { onnxExport } from './exportOnnx.js';
import { install, installed, openSite, versions } from './site.js';

const flags = process.argv.slice(2);
const quick = flags.includes('--quick');

/** Runs in the page. @param {import('./page/main').PageOptions} options */
const compare = (options) =>
  /** @type {{ comparePeers: (options: import('./page/main').PageOptions) => Promise<void> }} */ (
    /** @type {unknown} */ (globalThis)
  ).comparePeers(options);

async function main() {
  const there = flags.includes('--no-install') ? installed() : await install();
  const exported = await onnxExport({ make: there && !flags.includes('--no-install') });
  const browser = await ensureBrowser();
  const site = await openSite(exported.folder);
  const running = await chromium.launch({ executablePath: browser.path, args: chromeArguments() });
  try {
    const page = await running.newPage();
    /** @type {Promise<never>} */
    const gone = new Promise((_, reject) => {
      page.on('crash', () => reject(new Error('The page crashed.')));
      page.on('pageerror', (error) => say(`  page: ${error.message.slice(0, 300)}`));
    });
    await page.exposeFunction('emitRow', (/** @type {unknown} */ row) => {
      process.stdout.write(`${JSON.stringify(row)}\n`);
    });
    await page.exposeFunction('note', say);
    page.setDefaultTimeout(0);
    await page.goto(site.url);
    await page.waitForSelector('html[data-ready]', { state: 'attached', timeout: 60_000 });
    await Promise.race([
      gone,
      page.evaluate(compare, {
        quick,
        versions,
        noExport: exported.reason,
      }),
    ]);
  } finally {
    await running.close();
    await site.close();
  }
}

main().catch(fail);
