// @ts-check
// How a test browser is started: with the machine's GPU where Node found one, else with SwiftShader.
import { chooseAdapter } from './vulkan.js';

const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** @returns {string[]} */
export function chromeArguments() {
  const { kind } = chooseAdapter();
  const adapter =
    kind !== 'real'
      ? ['--use-webgpu-adapter=swiftshader']
      : process.platform === 'linux'
        ? ['--enable-features=Vulkan', '--use-angle=vulkan', '--ignore-gpu-blocklist']
        : ['--ignore-gpu-blocklist'];
  return ['--enable-unsafe-webgpu', ...adapter, ...QUIET];
}
