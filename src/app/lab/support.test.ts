import { describe, expect, it } from 'vitest';
import { detect, remediesFor } from './support';

const AGENTS = {
  chromeWindows: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  edgeMac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
  chromeLinux: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  chromeAndroid: 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
  firefoxLinux: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  safariMac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15',
  safariPhone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
}; // prettier-ignore

describe('detect', () => {
  it.each([
    ['chromeWindows', 'Chrome', 'Windows'],
    ['edgeMac', 'Edge', 'macOS'],
    ['chromeLinux', 'Chrome', 'Linux'],
    ['chromeAndroid', 'Chrome', 'Android'],
    ['firefoxLinux', 'Firefox', 'Linux'],
    ['safariMac', 'Safari', 'macOS'],
    ['safariPhone', 'Safari', 'iOS'],
  ] as const)('%s is %s on %s', (name, browser, system) => {
    expect(detect(AGENTS[name])).toEqual({ browser, system });
  });
});

describe('remediesFor', () => {
  it('gives every browser and system at least one step of its own', () => {
    const first = Object.values(AGENTS).map((agent) => remediesFor('no-api', agent)[0]);
    expect(new Set(first).size).toBeGreaterThanOrEqual(6);
    expect(first.every((step) => step !== undefined && step.length > 20)).toBe(true);
  });

  it('knows that an insecure page is not the browser’s fault', () => {
    expect(remediesFor('insecure', AGENTS.chromeLinux)).toHaveLength(1);
  });
});
