import { describe, expect, it } from 'vitest';
import { ErrorReason } from '../gen/replymesh/type/v1/error.js';
import { specs } from './errors.js';

describe('the error catalogue', () => {
  it('has every reason of the contract and no other', () => {
    const reasons = Object.keys(ErrorReason).filter((name) => !/^\d+$/.test(name) && name !== 'UNSPECIFIED');
    expect(Object.keys(specs).sort()).toEqual(reasons.sort());
  });
});
