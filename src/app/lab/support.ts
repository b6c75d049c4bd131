/** Whether this browser can run the lab, and what to do where it cannot. */

export type SupportProblem = 'no-api' | 'insecure' | 'no-adapter';

export type Support = { ok: true; adapter: string } | { ok: false; problem: SupportProblem };

/** Asks for WebGPU and an adapter. `adapter` names it, to remember the self-test by. */
export async function checkSupport(): Promise<Support> {
  if (!('gpu' in navigator) || !navigator.gpu) {
    return { ok: false, problem: globalThis.isSecureContext ? 'no-api' : 'insecure' };
  }
  try {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) return { ok: false, problem: 'no-adapter' };
    const { vendor, architecture, device, description } = adapter.info;
    return { ok: true, adapter: [vendor, architecture, device, description].join('|') };
  } catch {
    return { ok: false, problem: 'no-adapter' };
  }
}

export type Browser = 'Chrome' | 'Edge' | 'Firefox' | 'Safari' | 'this browser';
export type System = 'Windows' | 'macOS' | 'Linux' | 'Android' | 'iOS' | 'this system';

export function detect(userAgent: string): { browser: Browser; system: System } {
  const system: System = /Android/.test(userAgent)
    ? 'Android'
    : /iPhone|iPad|iPod/.test(userAgent)
      ? 'iOS'
      : /Windows/.test(userAgent)
        ? 'Windows'
        : /Mac OS X|Macintosh/.test(userAgent)
          ? 'macOS'
          : /Linux|X11|CrOS/.test(userAgent)
            ? 'Linux'
            : 'this system';
  const browser: Browser = /Edg(e|A|iOS)?\//.test(userAgent)
    ? 'Edge'
    : /Firefox|FxiOS/.test(userAgent)
      ? 'Firefox'
      : /Chrome|Chromium|CriOS/.test(userAgent)
        ? 'Chrome'
        : /Safari/.test(userAgent)
          ? 'Safari'
          : 'this browser';
  return { browser, system };
}

const REASONS: Record<SupportProblem, string> = {
  'no-api': 'This browser has no WebGPU, or it is switched off.',
  insecure: 'WebGPU is only there on secure pages: https, or the machine itself (localhost).',
  'no-adapter':
    'This browser knows WebGPU but offers no adapter: neither a graphics card nor a software stand-in.',
};

export function reasonFor(problem: SupportProblem): string {
  return REASONS[problem];
}

/** Steps for this browser and system, the most likely one first. */
export function remediesFor(problem: SupportProblem, userAgent: string): string[] {
  if (problem === 'insecure')
    return ['Open this page by https, or serve it on this machine and open it at 127.0.0.1.'];
  const { browser, system } = detect(userAgent);
  const steps: string[] = [];
  if (system === 'iOS') {
    steps.push('Update to iOS or iPadOS 26: every browser there then has WebGPU.');
    return steps;
  }
  switch (browser) {
    case 'Chrome':
    case 'Edge':
      steps.push(...chromiumSteps(browser, system));
      break;
    case 'Firefox':
      steps.push(
        system === 'Windows' || system === 'macOS'
          ? 'Update Firefox: WebGPU is on from version 141 on Windows and 145 on Macs with Apple silicon.'
          : `Firefox does not yet offer WebGPU on ${system} by default: use a current Chrome here.`,
      );
      break;
    case 'Safari':
      steps.push('Update to macOS 26 with Safari 26, or open this page in a current Chrome.');
      break;
    default:
      steps.push('Open this page in a current Chrome, Edge, Firefox or Safari.');
  }
  steps.push('Update the graphics driver; over remote desktop, try at the machine itself.');
  return steps;
}

function chromiumSteps(browser: 'Chrome' | 'Edge', system: System): string[] {
  const scheme = browser === 'Edge' ? 'edge' : 'chrome';
  const hardware = `Settings, System: switch on “Use graphics acceleration when available”, then restart ${browser}.`;
  const status = `${scheme}://gpu says under “WebGPU” why the adapter was refused.`;
  switch (system) {
    case 'Linux':
      return [
        `Open ${scheme}://flags/#enable-unsafe-webgpu and ${scheme}://flags/#enable-vulkan, enable both, restart ${browser}.`,
        'Install the Vulkan driver of the graphics card (Mesa or NVIDIA); vulkaninfo should list it.',
        status,
      ];
    case 'Android':
      return [`Update ${browser} to version 121 or newer on Android 12 or newer.`, status];
    case 'Windows':
    case 'macOS':
      return [`Update ${browser} to version 113 or newer.`, hardware, status];
    default:
      return [`Update ${browser}.`, hardware, status];
  }
}

/** How this browser gets a real adapter, and what is quicker without one (docs/performance.md, measured). */
export function softwareRemedy(userAgent: string): string {
  const { browser, system } = detect(userAgent);
  const step =
    browser !== 'Chrome' && browser !== 'Edge'
      ? 'A browser with graphics acceleration runs this many times faster.'
      : (chromiumSteps(browser, system)[system === 'Linux' ? 0 : 1] ?? '');
  return `${step} On such a machine engines for the processor are quicker than the lab: transformers.js’s wasm some 7 times at running a model, PyTorch 16 times at pruning one.`;
}
