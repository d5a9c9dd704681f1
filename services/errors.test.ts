import { readFileSync } from 'node:fs';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { ErrorReason } from '../gen/replymesh/type/v1/error.js';
import { packageRoot } from '../lib/packageRoot.js';
import { specs } from './errors.js';

const page = readFileSync(new URL('docs/reference/errors.md', packageRoot), 'utf8');
const reasons = Object.keys(ErrorReason).filter((name) => !/^\d+$/.test(name) && name !== 'UNSPECIFIED');

describe('the error catalogue', () => {
  it('has every reason of the contract and no other', () => {
    expect(Object.keys(specs).sort()).toEqual(reasons.sort());
  });

  it.each(reasons)('documents %s with its code', (reason) => {
    expect(page).toContain(`| \`${reason}\` | ${Status[specs[reason as keyof typeof specs].code]} |`);
  });
});
