import { expect, test } from 'vitest';
import { canonicalJson } from './canonicalJson';

test('the order of keys does not matter, at any depth; that of lists does', () => {
  const one = { b: [1, { y: 2, x: null }], a: 'text' };
  const other = { a: 'text', b: [1, { x: null, y: 2 }] };
  expect(canonicalJson(one)).toBe('{"a":"text","b":[1,{"x":null,"y":2}]}');
  expect(canonicalJson(other)).toBe(canonicalJson(one));
  expect(canonicalJson([2, 1])).not.toBe(canonicalJson([1, 2]));
});
