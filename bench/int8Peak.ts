import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Large enough that its products outweigh all else, small enough that the weights stay in the second-level cache. */
const SIDE = 1024;

/** Multiply-adds of one run. */
export const PEAK_MULTIPLY_ADDS = SIDE ** 3;

/** One product of two square 8-bit matrices in onnxruntime, on one core: how fast this machine multiplies at most, in the bundle's own kind of product. */
export async function openInt8Peak(): Promise<() => Promise<void>> {
  const session = await InferenceSession.create(matrixProduct(), { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  const a = new Tensor(
    'uint8',
    Uint8Array.from({ length: SIDE * SIDE }, (_, i) => i % 251),
    [SIDE, SIDE],
  );
  return async () => void (await session.run({ a }));
}

/** The ONNX model c = a · b with weights b of 7 bits, as the bundle's have. Field numbers: onnx/onnx.proto. */
function matrixProduct(): Uint8Array {
  const [UINT8, INT8, INT32] = [2, 3, 6];
  const weights = Int8Array.from({ length: SIDE * SIDE }, (_, i) => (i % 127) - 63);
  const tensor = [number(1, SIDE), number(1, SIDE), number(2, INT8), part(8, 'b'), part(9, new Uint8Array(weights.buffer))];
  const node = [part(1, 'a'), part(1, 'b'), part(2, 'c'), part(4, 'MatMulInteger')];
  const value = (name: string, kind: number) => [part(1, name), part(2, [part(1, [number(1, kind)])])];
  const graph = [part(1, node), part(2, 'product'), part(5, tensor), part(11, value('a', UINT8)), part(12, value('c', INT32))];
  return Buffer.concat([number(1, 8), part(8, [number(2, 18)]), part(7, graph)]);
}

const number = (field: number, value: number): Uint8Array => new BinaryWriter().tag(field, WireType.Varint).int64(value).finish();

function part(field: number, content: string | Uint8Array | Uint8Array[]): Uint8Array {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Array.isArray(content) ? Buffer.concat(content) : content;
  return new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish();
}
