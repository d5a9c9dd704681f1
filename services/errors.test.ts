import { describe, expect, it } from 'vitest';
import { contract } from '../lib/contract.js';
import { specs } from './errors.js';

describe('the error catalogue', () => {
  it('has every reason of the contract that is not deprecated, and no other', () => {
    const { values } = contract.getEnum('replymesh.type.v1.ErrorReason')!;
    const reasons = values
      .filter((one) => one.number !== 0 && !one.proto.options?.deprecated)
      .map((one) => one.name.replace('ERROR_REASON_', ''));
    expect(Object.keys(specs).sort()).toEqual(reasons.sort());
  });
});
