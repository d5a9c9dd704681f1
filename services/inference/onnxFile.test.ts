import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { externalTensors } from './onnxFile.js';

type Write = (writer: BinaryWriter) => void;
const message = (write: Write): Uint8Array => {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
};
const child =
  (field: number, bytes: Uint8Array): Write =>
  (w) =>
    w.tag(field, WireType.LengthDelimited).bytes(bytes);
const tensor = (...fields: Write[]) =>
  message((w) => {
    w.tag(8, WireType.LengthDelimited).string('weight');
    for (const field of fields) field(w);
  });
const location: Write = (w) => w.tag(14, WireType.Varint).int32(1);
const inside: Write = (w) => w.tag(14, WireType.Varint).int32(0);
const entry = child(
  13,
  message((w) => w.tag(1, WireType.LengthDelimited).string('location').tag(2, WireType.LengthDelimited).string('/etc/passwd')),
);
/** Wraps from the inside out: `in_(bytes, 5, 7)` is field 5 of a message that is field 7 of the model. */
const in_ = (bytes: Uint8Array, ...fields: number[]) => fields.reduce((inner, field) => message(child(field, inner)), bytes);

describe('a graph with data outside of its file', () => {
  it.each<[string, Uint8Array]>([
    ['an initializer', in_(tensor(entry, location), 5, 7)],
    ['one that gives a place without saying that it is external', in_(tensor(entry), 5, 7)],
    ['one that gives a place and says that it is inside', in_(tensor(entry, inside), 5, 7)],
    ['one that says external without a place', in_(tensor(location), 5, 7)],
    ['a constant of a node', in_(tensor(entry), 5, 5, 1, 7)],
    ['a list of tensors of a node', in_(tensor(entry), 10, 5, 1, 7)],
    ['a graph inside of a node', in_(tensor(entry), 5, 6, 5, 1, 7)],
    ['a sparse initializer', in_(tensor(entry), 1, 15, 7)],
    ['a function', in_(tensor(entry), 5, 5, 7, 25)],
    ['training information', in_(tensor(entry), 5, 1, 20)],
  ])('is found out: %s', (_, model) => {
    expect(externalTensors(model)).toEqual(['weight']);
  });

  it('is told from one that holds its data itself', () => {
    const raw = child(9, Uint8Array.of(1, 2, 3, 4));
    expect(externalTensors(in_(tensor(raw, inside), 5, 7))).toEqual([]);
  });

  it('is refused when it is no graph, or nested without end', () => {
    expect(() => externalTensors(new TextEncoder().encode('<html>not a model</html>'))).toThrow();
    const fields = Array.from({ length: 200 }, (_, i) => [5, 1, 6][i % 3]!);
    expect(() => externalTensors(in_(tensor(entry), ...fields, 7))).toThrow();
  });
});
