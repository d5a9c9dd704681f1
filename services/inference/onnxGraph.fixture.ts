import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Parts of an ONNX model, as far as tests need them (onnx/onnx.proto). */
type Part = (writer: BinaryWriter) => BinaryWriter;

const OPSET = 13;
const FLOAT = 1;
const INT64 = 7;
const INT_ATTRIBUTE = 2;

const text =
  (field: number, value: string): Part =>
  (w) =>
    w.tag(field, WireType.LengthDelimited).string(value);
const int =
  (field: number, value: number): Part =>
  (w) =>
    w.tag(field, WireType.Varint).int64(value);
const message =
  (field: number, ...parts: Part[]): Part =>
  (w) =>
    parts.reduce((inner, part) => part(inner), w.tag(field, WireType.LengthDelimited).fork()).join();
const bytes =
  (field: number, value: ArrayBufferView): Part =>
  (w) =>
    w.tag(field, WireType.LengthDelimited).bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));

/** One operation; attributes are whole numbers. */
export const node = (
  operation: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
): Part =>
  message(
    1,
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(4, operation),
    ...Object.entries(attributes).map(([name, value]) => message(5, text(1, name), int(3, value), int(20, INT_ATTRIBUTE))),
  );

/** A constant: 32-bit numbers, or whole ones of 64 bits. */
export const constant = (name: string, shape: readonly number[], values: Float32Array | BigInt64Array): Part =>
  message(5, ...shape.map((size) => int(1, size)), int(2, values instanceof Float32Array ? FLOAT : INT64), text(8, name), bytes(9, values));

const tensor = (field: number, name: string, type: number, shape: readonly (string | number)[]): Part => {
  const dimensions = shape.map((size) => message(1, typeof size === 'number' ? int(1, size) : text(2, size)));
  return message(field, text(1, name), message(2, message(1, int(1, type), message(2, ...dimensions))));
};
/** A tensor that goes in; a size with a name is open. */
export const input = (name: string, type: 'float' | 'int64', shape: readonly (string | number)[]): Part =>
  tensor(11, name, type === 'float' ? FLOAT : INT64, shape);
/** A float tensor that comes out. */
export const output = (name: string, shape: readonly (string | number)[]): Part => tensor(12, name, FLOAT, shape);

/** A whole model, ready for onnxruntime. */
export const onnxModel = (...parts: Part[]): Uint8Array =>
  message(7, ...parts, text(2, 'graph'))(message(8, int(2, OPSET))(int(1, 8)(new BinaryWriter()))).finish();
