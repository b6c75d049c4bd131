import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { calibrationWindows, checkIds, checkWindowLength, decodeText, evaluationWindows, idsSha256, parseWindowsJson, windowsToJson } from './texts'; // prettier-ignore

const limits = { vocabulary: 100, context: 8 };
const ramp = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function textError(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).kind).toBe('TextError');
    return (error as LabError).message;
  }
  throw new Error('nothing was thrown');
}

describe('windows given as JSON', () => {
  test('are used exactly as given, lengths may differ', () => {
    const windows = parseWindowsJson('w.json', '{"windows": [[1, 2, 99], [0, 0]], "note": "x"}', limits);
    expect(windows.map((w) => [...w])).toEqual([[1, 2, 99], [0, 0]]); // prettier-ignore
    expect(parseWindowsJson('w', windowsToJson(windows), limits)).toEqual(windows);
  });

  test.each([
    ['{"windows": [[1,2],[1,100]]}', 'window 1, position 1: 100'],
    ['{"windows": [[1,-1]]}', 'window 0, position 1: -1'],
    ['{"windows": [[1,1.5]]}', 'window 0, position 1: 1.5'],
    ['{"windows": [[1,"2"]]}', 'window 0, position 1: "2"'],
    ['{"windows": [[1,2],[7]]}', 'window 1 has one token'],
    ['{"windows": [[]]}', 'window 0 is empty'],
    ['{"windows": [[1,2,3,4,5,6,7,8,9]]}', "more than the model's context of 8"],
    ['{"windows": [3]}', 'window 0 is not a list'],
    ['{"windows": []}', 'is empty'],
    ['[[1,2]]', 'no "windows" list'],
    ['{"windows": [[1,2]', 'not valid JSON'],
    ['['.repeat(100_000), 'nests deeper'],
  ])('%.40s', (text, message) => {
    expect(textError(() => parseWindowsJson('w.json', text, limits))).toContain(message);
  });
});

describe('windows cut from ids', () => {
  test('evaluation: contiguous from token 0, tail dropped, at most as many as asked', () => {
    expect(evaluationWindows('t', ramp(11), 4, 9)).toEqual({
      windows: [Uint32Array.of(0, 1, 2, 3), Uint32Array.of(4, 5, 6, 7)],
      warning: 't gives 2 windows of 4 tokens, 9 were asked for.',
    });
    expect(evaluationWindows('t', ramp(12), 4, 2)).toMatchObject({ windows: { length: 2 }, warning: null });
  });

  test('calibration: reproducible, contiguous, both ends reached', () => {
    const windows = calibrationWindows('t', ramp(7), 4, 200, 1);
    expect(calibrationWindows('t', ramp(7), 4, 200, 1)).toEqual(windows);
    expect(calibrationWindows('t', ramp(7), 4, 200, 2)).not.toEqual(windows);
    for (const w of windows) expect([...w]).toEqual(ramp(4).map((i) => i + (w[0] ?? NaN)));
    expect(new Set(windows.map((w) => w[0]))).toEqual(new Set([0, 1, 2, 3]));
    expect(calibrationWindows('t', ramp(4), 4, 2, 0).map((w) => w[0])).toEqual([0, 0]);
  });

  test('a text shorter than one window, a window of one token or beyond the context', () => {
    expect(textError(() => evaluationWindows('t', ramp(3), 4, 1))).toContain(
      '3 tokens, fewer than one window of 4',
    );
    expect(textError(() => calibrationWindows('t', ramp(3), 4, 1, 0))).toContain('fewer than one window');
    expect(textError(() => calibrationWindows('t', ramp(3), 1, 1, 0))).toContain('at least two');
    expect(textError(() => checkWindowLength(513, 512))).toContain('context of 512');
    expect(textError(() => checkWindowLength(1, 512))).toContain('one token');
    expect(textError(() => checkIds('t', [1, 100], 100))).toContain('token 1 has id 100');
  });
});

test('sha256 of the ids as little-endian u32', async () => {
  // printf '\x01\0\0\0\x02\x01\0\0' | sha256sum
  expect(await idsSha256([[1], [258]])).toBe(
    'fb8bbe2ad3ab5292f19bc5d75bbab9b5fbddc5a78ce47ab41b2d3d59bca08596',
  );
});

test('text is UTF-8; a byte order mark goes, line ends stay', () => {
  expect(decodeText('t', Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a))).toBe('a\r\n');
  expect(textError(() => decodeText('t', Uint8Array.of(0x61, 0xff)))).toContain('UTF-8');
});
