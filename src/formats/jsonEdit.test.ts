import { expect, test } from 'vitest';
import { withValues } from './jsonEdit';

test('numbers change where they stand; all else stays, spelling and order included', () => {
  const text = '{\n "a": 1.0,\n "b" :{"a": 2, "x": "}, \\"a\\": 9"},\n "c": [1, {"a": 3}],\n "n": null\n}\n';
  expect(withValues(text, { a: 7, n: 12 })).toBe(
    '{\n "a": 7,\n "b" :{"a": 2, "x": "}, \\"a\\": 9"},\n "c": [1, {"a": 3}],\n "n": 12\n}\n',
  );
});

test('a key that is not there comes last, indented as the others', () => {
  expect(withValues('{\n    "a": 1\n}', { head_dim: 16 })).toBe('{\n    "a": 1,\n    "head_dim": 16\n}');
  expect(withValues('{"a":[1,2]}', { b: 2, c: 3 })).toBe('{"a":[1,2],\n  "b": 2,\n  "c": 3\n}');
  expect(withValues('{}', { b: 2 })).toBe('{\n  "b": 2\n}');
});

test('a key that is written with escapes is the same key', () => {
  expect(withValues('{"\\u0061": 1}', { a: 2 })).toBe('{"\\u0061": 2}');
});

test('what is no object is an error', () => {
  expect(() => withValues('[1]', { a: 2 })).toThrow();
});

test('an object is written as the others are, and replaces what stands there', () => {
  expect(withValues('{\n  "a": 1\n}\n', { q: { b: [], c: 'x' } })).toBe(
    '{\n  "a": 1,\n  "q": {\n    "b": [],\n    "c": "x"\n  }\n}\n',
  );
  expect(withValues('{"q": {"old": 1}, "a": 2}', { q: { b: 3 } })).toBe('{"q": {\n    "b": 3\n  }, "a": 2}');
});
