import { expect, test } from 'vitest';
import {
  fitsModel,
  keepMean,
  layerMeans,
  meanOf,
  parseRates,
  stroke,
  writeRates,
  type Shape,
} from './byHand';

const SHAPE: Shape = {
  layers: 2,
  prunablePerLayer: [100, 300],
  matrices: [
    { name: 'a', layer: 0, rows: 10, cols: 10, count: 100 },
    { name: 'b', layer: 1, rows: 10, cols: 10, count: 100 },
    { name: 'c', layer: 1, rows: 10, cols: 20, count: 200 },
  ],
};

test('a list or an object from a file, and back', () => {
  expect(parseRates('r.json', '[0.25, 1]', SHAPE)).toEqual([0.25, 1]);
  const object = { a: 0, b: 0.5, c: 1 };
  expect(parseRates('r.json', writeRates(object), SHAPE)).toEqual(object);
  expect(layerMeans(object, SHAPE)).toEqual([0, (0.5 * 100 + 200) / 300]);
});

test('what is wrong with a file is said by its name', () => {
  const said = (text: string): string => {
    try {
      parseRates('r.json', text, SHAPE);
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing';
  };
  expect(said('[0.5')).toBe('r.json: not valid JSON.');
  expect(said('0.5')).toBe('r.json: neither a list nor an object.');
  expect(said('[0.5]')).toBe('r.json: 1 layer sparsities were given for a model of 2 layers.');
  expect(said('[0.5, "x"]')).toContain('layer 2 must be a number from 0 to 1, not "x"');
  expect(said('[0.5, 1.5]')).toContain('layer 2 must be a number from 0 to 1, not 1.5');
  expect(said('{"a":0.5,"b":0.5}')).toContain('do not name "c"');
  expect(said('{"a":0.5,"b":0.5,"c":0.5,"d":0}')).toContain('name "d"');
  expect(fitsModel([0.5], SHAPE)).toBe(false);
});

test('keeping the mean shifts every rate, weighted by size, and stops at the bounds', () => {
  expect(keepMean([0.2, 0.4], SHAPE, 0.55)).toEqual([0.4, 0.6]);
  const pressed = keepMean([0.9, 0.1], SHAPE, 0.7);
  expect(pressed).toEqual([1, 0.6]);
  expect(meanOf(pressed, SHAPE)).toBeCloseTo(0.7, 12);
  const object = keepMean({ a: 0.1, b: 0.2, c: 0.3 }, SHAPE, 0.5);
  expect(meanOf(object, SHAPE)).toBeCloseTo(0.5, 6);
});

test('a stroke over several layers leaves none out', () => {
  expect(stroke([0, 0, 0, 0], { layer: 0, rate: 0.1 }, { layer: 3, rate: 0.4 })).toEqual([
    0.1, 0.2, 0.3, 0.4,
  ]);
  expect(stroke([0, 0, 0], { layer: 2, rate: 0.5 }, { layer: 1, rate: 0.7 })).toEqual([0, 0.7, 0.5]);
  expect(stroke([0, 0], { layer: 1, rate: 2 }, { layer: 1, rate: 2 })).toEqual([0, 1]);
});
