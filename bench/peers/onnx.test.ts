import { describe, expect, test } from 'vitest';
import fixture from '../../src/testing/fixtures/onnx.json';
import { fusedAttentionModel, matmulModel, onnxModel, plainAttentionModel } from './onnx';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('ONNX files are, byte for byte, what the onnx package of Python writes', () => {
  test('a product with a stored matrix', () => {
    const b = Float32Array.of(1, -2, 0.5, 3, 0, -0.25);
    expect(base64(matmulModel(200, 3, 2, b))).toBe(fixture.matmul);
  });

  test('attention by one operator of another domain, with inputs left out', () => {
    expect(base64(fusedAttentionModel(5, 3, 4))).toBe(fixture.fusedAttention);
  });

  test('attention by standard operators: lists as attributes, 64-bit constants', () => {
    expect(base64(plainAttentionModel(3, 2, 4))).toBe(fixture.plainAttention);
  });
});

test('sizes above 2^14 and constants above 2^21 bytes keep their lengths', () => {
  const data = new Float32Array(600_000).fill(1);
  const bytes = onnxModel({
    nodes: [{ operator: 'Identity', inputs: ['c'], outputs: ['y'] }],
    constants: [{ name: 'c', dims: [600_000], data }],
    inputs: [],
    outputs: [{ name: 'y', type: 'float32', dims: [600_000] }],
  });
  // 600000 as a varint: 0xc0 0xcf 0x24; 2400000 bytes of data: 0x80 0xbe 0x92 0x01.
  const text = Buffer.from(bytes).toString('latin1');
  expect(text).toContain('\x08\xc0\xcf\x24');
  expect(text).toContain('\x4a\x80\xbe\x92\x01');
});
