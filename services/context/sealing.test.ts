import fc from 'fast-check';
import { expect, it } from 'vitest';
import { open, seal } from './sealing.js';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const place = fc.record({ tenant: fc.string(), column: fc.string(), id: fc.string() });
const value = fc.uint8Array({ maxLength: 200 });

it('what was sealed opens with the same key in the same place, byte for byte', () => {
  fc.assert(fc.property(key, place, value, (k, p, v) => Buffer.compare(open(k, p, seal(k, p, v)), v) === 0));
});

it('what was sealed opens with no other key, in no other place, and not with any byte changed or missing', () => {
  fc.assert(
    fc.property(key, key, place, place, value, fc.nat(), fc.integer({ min: 1, max: 255 }), (k, otherKey, p, otherPlace, v, at, change) => {
      const sealed = seal(k, p, v);
      fc.pre(Buffer.compare(k, otherKey) !== 0 && JSON.stringify(p) !== JSON.stringify(otherPlace));
      const changed = Buffer.from(sealed);
      changed[at % sealed.length]! ^= change;
      expect(() => open(otherKey, p, sealed)).toThrow();
      expect(() => open(k, otherPlace, sealed)).toThrow();
      expect(() => open(k, p, changed)).toThrow();
      expect(() => open(k, p, sealed.subarray(0, at % sealed.length))).toThrow();
    }),
  );
});

it('the same value is never sealed to the same bytes, and its words cannot be seen', () => {
  const text = Buffer.from('Where is my refund?');
  const [one, other] = [1, 2].map(() => seal(Buffer.alloc(32), { tenant: 't', column: 'c', id: 'i' }, text));
  expect(one!.equals(other!)).toBe(false);
  expect(one!.includes('refund')).toBe(false);
});
