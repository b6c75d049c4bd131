import { expect, test } from 'vitest';
import { withNumbers } from './jsonEdit';

test('numbers change where they stand; all else stays, spelling and order included', () => {
  const text = '{\n "a": 1.0,\n "b" :{"a": 2, "x": "}, \\"a\\": 9"},\n "c": [1, {"a": 3}],\n "n": null\n}\n';
  expect(withNumbers(text, { a: 7, n: 12 })).toBe(
    '{\n "a": 7,\n "b" :{"a": 2, "x": "}, \\"a\\": 9"},\n "c": [1, {"a": 3}],\n "n": 12\n}\n',
  );
});

test('a key that is not there comes last, indented as the others', () => {
  expect(withNumbers('{\n    "a": 1\n}', { head_dim: 16 })).toBe('{\n    "a": 1,\n    "head_dim": 16\n}');
  expect(withNumbers('{"a":[1,2]}', { b: 2, c: 3 })).toBe('{"a":[1,2],\n  "b": 2,\n  "c": 3\n}');
  expect(withNumbers('{}', { b: 2 })).toBe('{\n  "b": 2\n}');
});

test('a key that is written with escapes is the same key', () => {
  expect(withNumbers('{"\\u0061": 1}', { a: 2 })).toBe('{"\\u0061": 2}');
});

test('what is no object is an error', () => {
  expect(() => withNumbers('[1]', { a: 2 })).toThrow();
});
