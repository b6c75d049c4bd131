import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { quietStderr } from './quietStderr.js';

/** What comes out when `chunks` go in, one per turn. */
async function filtered(chunks: string[], pauseMs = 0): Promise<string> {
  const from = new PassThrough();
  let out = '';
  quietStderr(from, { write: (text) => (out += text) });
  for (const chunk of chunks) {
    from.write(chunk);
    await sleep(pauseMs);
  }
  from.end();
  await sleep(1);
  return out;
}

describe('standard error of the command line', () => {
  it('loses the lines of Dawn, the Vulkan loader and Node', async () => {
    const noise = [
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file\n",
      '    at operator() (/home/x/third_party/dawn/src/dawn/native/vulkan/BackendVk.cpp:368)\n',
      'Error: something native\n',
      '    at CheckVkSuccess (/home/x/third_party/dawn/src/dawn/native/x.cpp:1)\n',
      '(node:12) ExperimentalWarning: WASI is an experimental feature\n',
      '(Use `node --trace-warnings ...` to show where the warning was created)\n',
    ];
    expect(await filtered(['one\n', ...noise, 'two\n'])).toBe('one\ntwo\n');
  });

  it('keeps our own warnings, errors and stack traces', async () => {
    const ours = [
      'prunelab: warning: fewer windows than asked\n',
      'Error: a stack with --debug\n    at main (/repo/build/cli.js:3:1)\n',
      'prunelab: FormatError: Warning: not noise\n',
    ];
    expect(await filtered(ours)).toBe(ours.join(''));
  });

  it('is the same however the text is cut', async () => {
    const text = 'one\nWarning: native\n    at f (/d/dawn/src/x.cpp:1)\ntwo\r\nthree\n';
    for (const size of [1, 2, 5, 7]) {
      const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(await filtered(chunks)).toBe('one\ntwo\r\nthree\n');
    }
  });

  it('shows a line that is redrawn in place before it ends', async () => {
    const from = new PassThrough();
    let out = '';
    quietStderr(from, { write: (text) => (out += text) });
    from.write('\r10 %');
    await expect.poll(() => out).toBe('\r10 %');
    from.write('\r20 %\nWarning: native\ndone\n');
    await expect.poll(() => out).toBe('\r10 %\r20 %\ndone\n');
  });
});
