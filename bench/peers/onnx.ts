/**
 * Small ONNX models as bytes (the format's protobuf messages, github.com/onnx/onnx, onnx.proto), fields in the order of
 * their numbers, as protobuf's own writers leave them. Just what graphs of one node need.
 */

const utf8 = new TextEncoder();

/** Wire types of protobuf. */
const VARINT = 0;
const LENGTH = 2;

const ELEMENT = { float32: 1, int32: 6, int64: 7 } as const;
/** AttributeProto.AttributeType */
const ATTRIBUTE = { INT: 2, INTS: 7 } as const;

type Bytes = Uint8Array<ArrayBuffer>;

function join(parts: readonly Bytes[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** Base 128, least significant first. `value` is a non-negative integer. */
function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return new Uint8Array(bytes);
}

const key = (field: number, wire: number): Bytes => varint(field * 8 + wire);
const integer = (field: number, value: number): Bytes => join([key(field, VARINT), varint(value)]);
const bytes = (field: number, value: Bytes): Bytes =>
  join([key(field, LENGTH), varint(value.byteLength), value]);
const text = (field: number, value: string): Bytes => bytes(field, utf8.encode(value));
const message = (field: number, ...parts: Bytes[]): Bytes => bytes(field, join(parts));

function elementType(data: OnnxConstant['data']): number {
  if (data instanceof Float32Array) return ELEMENT.float32;
  return data instanceof Int32Array ? ELEMENT.int32 : ELEMENT.int64;
}

export interface OnnxValue {
  name: string;
  type: keyof typeof ELEMENT;
  dims: readonly number[];
}

export interface OnnxConstant {
  name: string;
  dims: readonly number[];
  data: Float32Array | Int32Array | BigInt64Array;
}

export interface OnnxNode {
  operator: string;
  /** Empty for the standard operators. */
  domain?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  integers?: Readonly<Record<string, number>>;
  lists?: Readonly<Record<string, readonly number[]>>;
}

export interface OnnxGraph {
  nodes: readonly OnnxNode[];
  constants: readonly OnnxConstant[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
}

function nodeMessage({ operator, domain, inputs, outputs, integers = {}, lists = {} }: OnnxNode): Bytes {
  return message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(integers).map(([name, value]) =>
      message(5, text(1, name), integer(3, value), integer(20, ATTRIBUTE.INT)),
    ),
    ...Object.entries(lists).map(([name, values]) =>
      message(5, text(1, name), ...values.map((v) => integer(8, v)), integer(20, ATTRIBUTE.INTS)),
    ),
    ...(domain ? [text(7, domain)] : []),
  );
}

function constantMessage({ name, dims, data }: OnnxConstant): Bytes {
  const raw = new Uint8Array(data.byteLength);
  raw.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return message(
    5,
    ...dims.map((size) => integer(1, size)),
    integer(2, elementType(data)),
    text(8, name),
    bytes(9, raw),
  );
}

function valueMessage(field: number, { name, type, dims }: OnnxValue): Bytes {
  const shape = message(2, ...dims.map((size) => message(1, integer(1, size))));
  return message(field, text(1, name), message(2, message(1, integer(1, ELEMENT[type]), shape)));
}

/** The bytes of an ONNX file; numbers are stored little-endian, as this machine has them. */
export function onnxModel({ nodes, constants, inputs, outputs }: OnnxGraph): Uint8Array<ArrayBuffer> {
  const domains = new Set(nodes.map((n) => n.domain ?? ''));
  return join([
    integer(1, 8), // version of the format
    text(2, 'prunelab'),
    message(
      7,
      ...nodes.map(nodeMessage),
      text(2, 'graph'),
      ...constants.map(constantMessage),
      ...inputs.map((v) => valueMessage(11, v)),
      ...outputs.map((v) => valueMessage(12, v)),
    ),
    // Versions of the operator sets: 17 of the standard's, 1 of any other's.
    ...[...domains].map((domain) => message(8, text(1, domain), integer(2, domain ? 1 : 17))),
  ]);
}

/** y = x B with x [m, k] given and B [k, n] stored, where a runtime may repack it once. */
export function matmulModel(m: number, n: number, k: number, b: Float32Array): Uint8Array<ArrayBuffer> {
  return onnxModel({
    nodes: [{ operator: 'MatMul', inputs: ['x', 'b'], outputs: ['y'] }],
    constants: [{ name: 'b', dims: [k, n], data: b }],
    inputs: [{ name: 'x', type: 'float32', dims: [m, k] }],
    outputs: [{ name: 'y', type: 'float32', dims: [m, n] }],
  });
}

/** Causal attention of [1, tokens, heads * headDim] by the one operator that exports for onnxruntime use. */
export function fusedAttentionModel(tokens: number, heads: number, headDim: number): Uint8Array<ArrayBuffer> {
  const dims = [1, tokens, heads * headDim];
  const value = (name: string): OnnxValue => ({ name, type: 'float32', dims });
  return onnxModel({
    nodes: [
      {
        operator: 'GroupQueryAttention',
        domain: 'com.microsoft',
        inputs: ['q', 'k', 'v', '', '', 'lastKeys', 'total'],
        outputs: ['y', 'presentKeys', 'presentValues'],
        integers: { kv_num_heads: heads, num_heads: heads },
      },
    ],
    constants: [
      { name: 'lastKeys', dims: [1], data: Int32Array.of(tokens - 1) },
      { name: 'total', dims: [], data: Int32Array.of(tokens) },
    ],
    inputs: [value('q'), value('k'), value('v')],
    outputs: [
      value('y'),
      { name: 'presentKeys', type: 'float32', dims: [1, heads, tokens, headDim] },
      { name: 'presentValues', type: 'float32', dims: [1, heads, tokens, headDim] },
    ],
  });
}

/** Added to the score of a key that a query does not see: the exponential of it is 0. */
const UNSEEN = -1e9;

/** The same by standard operators, as a plain export of a decoder has it. */
export function plainAttentionModel(tokens: number, heads: number, headDim: number): Uint8Array<ArrayBuffer> {
  const node = (
    operator: string,
    inputs: readonly string[],
    output: string,
    extra: Pick<OnnxNode, 'integers' | 'lists'> = {},
  ): OnnxNode => ({ operator, inputs, outputs: [output], ...extra });
  const value = (name: string): OnnxValue => ({
    name,
    type: 'float32',
    dims: [1, tokens, heads * headDim],
  });
  const mask = Float32Array.from({ length: tokens * tokens }, (_, i) =>
    i % tokens > Math.floor(i / tokens) ? UNSEEN : 0,
  );
  const split = (name: string, perm: readonly number[]): OnnxNode[] => [
    node('Reshape', [name, 'byHead'], `${name}Split`),
    node('Transpose', [`${name}Split`], `${name}Heads`, { lists: { perm } }),
  ];
  return onnxModel({
    nodes: [
      ...split('q', [0, 2, 1, 3]),
      ...split('k', [0, 2, 3, 1]),
      ...split('v', [0, 2, 1, 3]),
      node('MatMul', ['qHeads', 'kHeads'], 'products'),
      node('Mul', ['products', 'scale'], 'scores'),
      node('Add', ['scores', 'mask'], 'masked'),
      node('Softmax', ['masked'], 'weights', { integers: { axis: 3 } }),
      node('MatMul', ['weights', 'vHeads'], 'mixed'),
      node('Transpose', ['mixed'], 'mixedRows', { lists: { perm: [0, 2, 1, 3] } }),
      node('Reshape', ['mixedRows', 'whole'], 'y'),
    ],
    constants: [
      {
        name: 'byHead',
        dims: [4],
        data: BigInt64Array.of(1n, BigInt(tokens), BigInt(heads), BigInt(headDim)),
      },
      { name: 'scale', dims: [1], data: Float32Array.of(headDim ** -0.5) },
      { name: 'mask', dims: [1, 1, tokens, tokens], data: mask },
      { name: 'whole', dims: [3], data: BigInt64Array.of(1n, BigInt(tokens), BigInt(heads * headDim)) },
    ],
    inputs: [value('q'), value('k'), value('v')],
    outputs: [value('y')],
  });
}
