import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';

const scope = fc.record({
  tenant: fc.string(),
  list: fc.constantFrom('queries', 'articles'),
  filter: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(undefined))),
});
const key = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()), { maxLength: 3 });

describe('a page token', () => {
  it('gives back its key to the list, filter and tenant that it was made for', () => {
    fc.assert(
      fc.property(scope, key, (s, k) => {
        expect(keyOf(s, pageTokenOf(s, k))).toEqual(k);
      }),
    );
  });

  it('is worth nothing to another tenant, list or filter', () => {
    const made: PageScope = { tenant: 'a', list: 'queries', filter: { customer: 'c', intent: '' } };
    const token = pageTokenOf(made, [1, 'x']);
    const others = [
      { ...made, tenant: 'b' },
      { ...made, list: 'articles' },
      { ...made, filter: { ...made.filter, intent: 'refund' } },
    ];
    expect(others.map((other) => keyOf(other, token))).toEqual([undefined, undefined, undefined]);
    expect(keyOf({ ...made, filter: { intent: '', customer: 'c' } }, token)).toEqual([1, 'x']);
  });

  it('is refused quietly when it is anything else', () => {
    const refused = (s: PageScope, token: string): void => {
      expect(keyOf(s, token)).toBeUndefined();
    };
    fc.assert(fc.property(scope, fc.string(), refused));
    fc.assert(fc.property(scope, fc.json(), (s, json) => refused(s, Buffer.from(json).toString('base64url'))));
  });
});
