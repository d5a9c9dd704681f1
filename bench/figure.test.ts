import { expect, it } from 'vitest';
import { atLeast, atMost, behind, table } from './figure.js';

it('says of a figure whether it is enough, or how to measure it', () => {
  const [, accuracy, seconds, rows] = table(
    [atLeast('accuracy', 0.9, 0.95), atMost('seconds', 10, 12), ...behind('--more', [atLeast('rows', 5, undefined)])],
    'on the test rows, as served',
  ).split('\n');
  expect(accuracy).toMatch(/^accuracy +≥ 0\.9 +0\.9500 +yes$/);
  expect(seconds).toMatch(/^seconds +≤ 10 +12 +no$/);
  expect(rows).toMatch(/^rows +≥ 5 +– +not measured: add --more$/);
});
