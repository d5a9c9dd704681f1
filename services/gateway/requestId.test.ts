import { Metadata } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { requestIdOf, withRequestId } from './requestId.js';

const header = (key: string) => Metadata({ 'idempotency-key': key });
const none = Metadata();

describe('what makes a call safe to repeat', () => {
  it.each([
    ['the request says', 'r-1', none, 'r-1'],
    ['the header says', '', header('k-1'), 'k-1'],
    ['the header says in quotes', '', header('"k-1"'), 'k-1'],
    ['both say alike', 'r-1', header('r-1'), 'r-1'],
    ['nobody says', '', none, ''],
  ])('is what %s', (_, requestId, metadata, expected) => {
    expect(requestIdOf({ requestId }, metadata)).toBe(expected);
  });

  it.each([
    ['differs from the header', 'r-1', header('k-1')],
    ['is not of the right form', '', header('not valid!')],
    ['is too long', '', header('x'.repeat(129))],
  ])('is refused when it %s', (_, requestId, metadata) => {
    expect(() => requestIdOf({ requestId }, metadata)).toThrow(expect.objectContaining({ reason: 'FIELD_VIOLATION' }));
  });

  it('is given to a request that is passed on, where it takes one', () => {
    expect(withRequestId({ requestId: '' }, header('k-1'))).toEqual({ requestId: 'k-1' });
    expect(withRequestId({ id: 'article' }, header('k-1'))).toEqual({ id: 'article' });
  });

  it('is made up for a request without one, anew for each call', () => {
    const [one, two] = [withRequestId({ requestId: '' }, none), withRequestId({ requestId: '' }, none)];
    expect(one).toEqual({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(one).not.toEqual(two);
  });
});
