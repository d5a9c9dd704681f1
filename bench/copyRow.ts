/** What Postgres' binary COPY is written in. Source: PostgreSQL manual, COPY, "Binary Format". */
export type Field = string | number | boolean | Date | Uint8Array | Json | null;
/** A `jsonb`. */
export class Json {
  constructor(readonly text: string) {}
}

const EPOCH_MS = Date.UTC(2000, 0, 1);
const JSONB_VERSION = 1;
export const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
export const TRAILER = Buffer.from([0xff, 0xff]);

/** A row: numbers become `double precision`, dates `timestamptz`, bytes `bytea`. */
export function rowOf(fields: readonly Field[]): Buffer {
  const values = fields.map(bytesOf);
  const row = Buffer.allocUnsafe(values.reduce((size, value) => size + 4 + (value?.length ?? 0), 2));
  let at = row.writeInt16BE(fields.length, 0);
  for (const value of values) {
    at = row.writeInt32BE(value?.length ?? -1, at);
    if (value) at += value.copy(row, at);
  }
  return row;
}

function bytesOf(field: Field): Buffer | null {
  if (field === null) return null;
  if (typeof field === 'string') return Buffer.from(field);
  if (typeof field === 'boolean') return Buffer.of(field ? 1 : 0);
  if (field instanceof Json) return Buffer.concat([Buffer.of(JSONB_VERSION), Buffer.from(field.text)]);
  if (field instanceof Uint8Array) return Buffer.from(field.buffer, field.byteOffset, field.byteLength);
  const bytes = Buffer.allocUnsafe(8);
  if (typeof field === 'number') bytes.writeDoubleBE(field);
  else bytes.writeBigInt64BE(BigInt(field.getTime() - EPOCH_MS) * 1000n);
  return bytes;
}
