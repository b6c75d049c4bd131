import { expect, it } from 'vitest';
import { hubEndpoint } from './hub';

it('takes loopback addresses and nothing else', () => {
  expect(hubEndpoint('?hub=http://127.0.0.1:9000/x')).toBe('http://127.0.0.1:9000');
  expect(hubEndpoint('?hub=http://localhost:9000')).toBe('http://localhost:9000');
  for (const bad of [
    'http://127.0.0.1.evil.example',
    'https://evil.example',
    'ftp://127.0.0.1',
    'nonsense',
    '',
  ]) {
    expect(hubEndpoint(`?hub=${encodeURIComponent(bad)}`)).toBeUndefined();
  }
  expect(hubEndpoint('')).toBeUndefined();
});
