import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Which fields of an ONNX message hold messages that may hold tensors: field number → message. `TENSOR` is looked at.
 * Source: onnx/onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, SparseTensorProto, FunctionProto, TrainingInfoProto).
 */
const CHILDREN = {
  MODEL: { 7: 'GRAPH', 20: 'TRAINING', 25: 'FUNCTION' },
  TRAINING: { 1: 'GRAPH', 2: 'GRAPH' },
  FUNCTION: { 7: 'NODE', 11: 'ATTRIBUTE' },
  GRAPH: { 1: 'NODE', 5: 'TENSOR', 15: 'SPARSE' },
  NODE: { 5: 'ATTRIBUTE' },
  ATTRIBUTE: { 5: 'TENSOR', 6: 'GRAPH', 10: 'TENSOR', 11: 'GRAPH', 22: 'SPARSE', 23: 'SPARSE' },
  SPARSE: { 1: 'TENSOR', 2: 'TENSOR' },
  TENSOR: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;
type Message = keyof typeof CHILDREN;

const TENSOR_NAME = 8;
const TENSOR_EXTERNAL_DATA = 13;
const TENSOR_DATA_LOCATION = 14;
const MAX_DEPTH = 64;

/**
 * Names of the tensors whose data lies outside of the file: onnxruntime would read whatever path they name.
 * @param bytes a serialised `ModelProto`
 * @throws Error when the bytes are no protobuf message, or one nested deeper than any real graph
 */
export function externalTensors(bytes: Uint8Array): string[] {
  const found: string[] = [];
  collect('MODEL', bytes, found, 0);
  return found;
}

function collect(message: Message, bytes: Uint8Array, found: string[], depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('The graph is nested too deeply.');
  const children: Readonly<Record<number, string>> = CHILDREN[message];
  const reader = new BinaryReader(bytes);
  let name = '';
  let external = false;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const child = children[field] as Message | undefined;
    if (child !== undefined && wire === WireType.LengthDelimited) collect(child, reader.bytes(), found, depth + 1);
    else if (message === 'TENSOR' && field === TENSOR_NAME && wire === WireType.LengthDelimited) name = reader.string();
    else if (message === 'TENSOR' && field === TENSOR_DATA_LOCATION && wire === WireType.Varint)
      external = reader.int32() !== 0 || external;
    else {
      if (message === 'TENSOR' && field === TENSOR_EXTERNAL_DATA) external = true;
      reader.skip(wire, field);
    }
  }
  if (external) found.push(name || 'a tensor without a name');
}
