import { expect, it } from 'vitest';
import { type Counted, count, scores } from './maskedSpans.js';

it('a span is found when all of it is masked, and right when it touches a true one', () => {
  const counted = new Map<string, Counted>();
  const text = 'Ada King, Rome and more';
  const truth = [
    { kind: 'NAME', start: 0, end: 8 },
    { kind: 'PLACE', start: 10, end: 14 },
  ];
  const found = [
    { kind: 'NAME', start: 0, end: 3 },
    { kind: 'NAME', start: 4, end: 8 },
    { kind: 'NAME', start: 19, end: 23 },
  ];
  count(counted, text, truth, found, ['NAME', 'PLACE', 'NAME']);
  expect(counted.get('NAME')).toEqual({ true: 1, masked: 1, found: 3, right: 2 });
  expect(counted.get('PLACE')).toEqual({ true: 1, masked: 0, found: 0, right: 0 });
  expect(scores(counted.get('NAME')!)).toEqual({ recall: 1, precision: 2 / 3, f2: (5 * (2 / 3)) / (4 * (2 / 3) + 1) });
});

it('half a name is not masked', () => {
  const counted = new Map<string, Counted>();
  count(counted, 'Ada King', [{ kind: 'NAME', start: 0, end: 8 }], [{ kind: 'NAME', start: 0, end: 3 }], ['NAME']);
  expect(scores(counted.get('NAME')!).recall).toBe(0);
});
