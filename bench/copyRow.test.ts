import { PGlite } from '@electric-sql/pglite';
import { expect, it } from 'vitest';
import { HEADER, Json, rowOf, TRAILER } from './copyRow.js';

it('writes rows that Postgres reads as they were meant', async () => {
  const db = new PGlite();
  await db.exec(
    'set timezone = UTC; create table t (name text, share float8, yes boolean, at timestamptz(3), bytes bytea, votes jsonb, nothing text)',
  );
  const at = new Date('1999-12-31T23:59:59.123Z');
  const row = rowOf(['Zoë\t\\', 0.25, true, at, Buffer.from([0, 255]), new Json('{"a":"b"}'), null]);
  const blob = new Blob([HEADER, row, rowOf(['', -1, false, new Date(0), new Uint8Array(), new Json('[]'), '']), TRAILER]);
  await db.query(`copy t from '/dev/blob' (format binary)`, [], { blob });
  const { rows } = await db.query('select * from t order by at desc');
  expect(rows).toEqual([
    { name: 'Zoë\t\\', share: 0.25, yes: true, at, bytes: new Uint8Array([0, 255]), votes: { a: 'b' }, nothing: null },
    { name: '', share: -1, yes: false, at: new Date(0), bytes: new Uint8Array(), votes: [], nothing: '' },
  ]);
  await db.close();
});
