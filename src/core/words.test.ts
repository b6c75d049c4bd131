import { expect, test } from 'vitest';
import { counted, deviceName } from './words';

test('one is singular, all else plural', () => {
  expect([0, 1, 2].map((n) => counted(n, 'window'))).toEqual(['0 windows', '1 window', '2 windows']);
});

test('a device without a description is called by maker and architecture', () => {
  const device = { description: '', vendor: 'google', architecture: 'swiftshader', software: true, features: [], backend: 'chrome' as const }; // prettier-ignore
  expect(deviceName(device)).toBe('google swiftshader');
  expect(deviceName({ ...device, architecture: '' })).toBe('google');
  expect(deviceName({ ...device, description: 'An adapter' })).toBe('An adapter');
});
