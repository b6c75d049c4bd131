import { describe, expect, it } from 'vitest';
import { isText, requestFromFiles } from './files';

const picked = (...paths: string[]) => paths.map((path) => ({ path, file: new File(['x'], path) }));
const named = (...paths: string[]) => {
  const request = requestFromFiles(picked(...paths));
  return request.kind === 'files'
    ? { name: request.name, paths: request.files.map(({ path }) => path) }
    : null;
};

describe('requestFromFiles', () => {
  it('strips the folder that all files share and names the model by it', () => {
    expect(named('a/SmolLM/config.json', 'a/SmolLM/model.safetensors')).toEqual({
      name: 'SmolLM',
      paths: ['config.json', 'model.safetensors'],
    });
    expect(named('tiny/config.json', 'tiny/onnx/model.onnx')?.paths).toEqual([
      'config.json',
      'onnx/model.onnx',
    ]);
  });

  it('names loose files by the weights', () => {
    expect(named('config.json', 'tiny.safetensors')?.name).toBe('tiny');
    expect(named('config.json', 'model.safetensors')?.name).toBe('local model');
  });
});

describe('isText', () => {
  it('tells a text from a model', () => {
    expect(isText(picked('novel.txt'))).toBe(true);
    expect(isText(picked('windows.json'))).toBe(true);
    expect(isText(picked('config.json'))).toBe(false);
    expect(isText(picked('tiny/config.json', 'tiny/model.safetensors'))).toBe(false);
    expect(isText(picked('model.safetensors'))).toBe(false);
  });
});
