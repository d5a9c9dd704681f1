import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Numbers of the fields that are read. Source: onnx/onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, kind: 4 } as const;
const TENSOR = { name: 8, data: 9 } as const;
const VALUE_NAME = 1;

interface Field {
  readonly number: number;
  /** Its bytes with the tag before them. */
  readonly whole: Uint8Array;
  /** Its content; empty for numbers. */
  readonly body: Uint8Array;
}

function fieldsOf(message: Uint8Array): Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const body = wire === WireType.LengthDelimited ? reader.bytes() : new Uint8Array();
    if (wire !== WireType.LengthDelimited) reader.skip(wire, number);
    fields.push({ number, body, whole: message.subarray(start, reader.pos) });
  }
  return fields;
}

const bodies = (fields: readonly Field[], number: number): Uint8Array[] => fields.flatMap((f) => (f.number === number ? [f.body] : []));
const strings = (message: Uint8Array, number: number): string[] => bodies(fieldsOf(message), number).map((b) => Buffer.from(b).toString());
const graphOf = (model: Uint8Array): Field[] => fieldsOf(bodies(fieldsOf(model), MODEL_GRAPH)[0]!);

/** Weights that 8-bit matrix products read, in elements: what one row of their input is multiplied with. */
export function eightBitWeights(model: Uint8Array): number {
  const graph = graphOf(model);
  const products = bodies(graph, GRAPH.node).filter((node) => strings(node, NODE.kind)[0] === 'MatMulInteger');
  const read = new Set(products.map((node) => strings(node, NODE.input)[1]));
  const weights = bodies(graph, GRAPH.initializer).filter((tensor) => read.has(strings(tensor, TENSOR.name)[0]));
  return weights.reduce((sum, tensor) => sum + (bodies(fieldsOf(tensor), TENSOR.data)[0]?.length ?? 0), 0);
}

/**
 * The model without its dropout samples: without the output `samples`, the input `mask`, and the nodes that nothing else needs. onnxruntime would run them all the same.
 * @throws Error when another output turns on what the mask holds
 */
export function withoutSamples(model: Uint8Array, samples: string, mask: string): Uint8Array {
  const graph = graphOf(model);
  const named = (number: number): string[] => bodies(graph, number).flatMap((value) => strings(value, VALUE_NAME));
  const wanted = new Set(named(GRAPH.output).filter((name) => name !== samples));
  const other = named(GRAPH.input).find((name) => name !== mask)!;
  const parts: Uint8Array[] = [];
  for (const { number, body, whole } of graph.toReversed()) {
    if (number === GRAPH.node) {
      if (!strings(body, NODE.output).some((name) => wanted.has(name))) continue;
      for (const name of strings(body, NODE.input)) wanted.add(name);
      parts.push(strings(body, NODE.input).includes(mask) ? field(GRAPH.node, shapeOf(other, body, mask)) : whole);
    } else if (![samples, mask].some((name) => isValue(number) && strings(body, VALUE_NAME).includes(name))) parts.push(whole);
  }
  const rest = Buffer.concat(parts.reverse());
  return Buffer.concat(fieldsOf(model).map(({ number, whole }) => (number === MODEL_GRAPH ? field(MODEL_GRAPH, rest) : whole)));
}

const isValue = (number: number): boolean => number === GRAPH.input || number === GRAPH.output;
const field = (number: number, body: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(body).finish();

/** PyTorch's exporter may take the number of rows from the mask. Every input has as many. */
function shapeOf(other: string, node: Uint8Array, mask: string): Uint8Array {
  if (strings(node, NODE.kind)[0] !== 'Shape')
    throw new Error(`The graph's other outputs turn on ${mask}: its samples cannot be left out.`);
  return Buffer.concat(fieldsOf(node).map(({ number, whole }) => (number === NODE.input ? field(number, Buffer.from(other)) : whole)));
}
