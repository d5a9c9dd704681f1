import { DrizzleQueryError } from 'drizzle-orm';
import { Status } from 'nice-grpc';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../lib/errors.js';
import { describeError } from '../../lib/log.js';
import { isUnreachable, StatementRefused, withoutValues } from './storeFault.js';

const SECRET = 'my card is 4242';
const databaseError = (code: string): Error =>
  Object.assign(new pg.DatabaseError(`invalid input: "${SECRET}"`, 1, 'error'), {
    code,
    severity: 'ERROR',
    constraint: 'queries_pk',
    detail: SECRET,
  });
const nodeError = (code: string): Error => Object.assign(new Error('connect'), { code });

describe('an error of the database', () => {
  it('is "unreachable" when it says: not now', () => {
    const away = [
      ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND'].map(nodeError),
      ...['57P01', '57014', '08006', '53300', '55P03', '40001', '40P01'].map(databaseError),
      new Error('Connection terminated unexpectedly'),
      new Error('timeout exceeded when trying to connect'),
      new Error('Query read timeout'),
      new AggregateError([nodeError('ECONNREFUSED')]),
      new DrizzleQueryError('select', [SECRET], nodeError('ECONNRESET')),
    ];
    expect(away.filter((error) => !isUnreachable(error))).toEqual([]);
    expect(withoutValues(away[0])).toMatchObject({ reason: 'STORE_UNREACHABLE' });
  });

  it('is a refusal when a statement cannot work, and then shows no value that was in it', () => {
    for (const error of [databaseError('23505'), new DrizzleQueryError('insert', [SECRET], databaseError('42883'))]) {
      const shown = withoutValues(error) as StatementRefused;
      expect(shown).toBeInstanceOf(StatementRefused);
      expect(shown.constraint).toBe('queries_pk');
      expect(`${shown.message}${shown.stack}${JSON.stringify(describeError(shown))}`).not.toContain('4242');
    }
    expect(withoutValues(new DrizzleQueryError('insert', [SECRET]))).toBeInstanceOf(StatementRefused);
  });

  it("is the caller's mistake when a value is none that it can hold", () => {
    for (const error of [databaseError('22021'), new DrizzleQueryError('select', [SECRET], databaseError('22007'))]) {
      const shown = withoutValues(error) as Fault;
      expect([shown.reason, shown.code]).toEqual(['VALUE_REFUSED', Status.INVALID_ARGUMENT]);
      expect(`${shown.message}${JSON.stringify(shown.extra)}`).not.toContain('4242');
    }
  });

  it('is left alone when it is no error of the database', () => {
    const own = new TypeError('a mistake of ours');
    expect(withoutValues(own)).toBe(own);
  });
});
