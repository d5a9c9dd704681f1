import { expect, it } from 'vitest';
import { doubts } from './doubts.js';

it('a key is doubted for its time, and all are when there were more than can be remembered, or it is said so', () => {
  const clock = { now: 1000 };
  const { add, addAll, about } = doubts(5000, 2, () => clock.now);
  add(['a']);
  clock.now += 4000;
  add(['b']);
  expect(['a', 'b', 'c'].map(about)).toEqual([true, true, false]);
  clock.now += 1001;
  expect(['a', 'b', 'c'].map(about)).toEqual([false, true, false]);
  add(['d', 'e']);
  expect(['b', 'c', 'd', 'e'].map(about)).toEqual([true, true, true, true]);
  clock.now += 5001;
  expect(['b', 'c', 'd', 'e'].map(about)).toEqual([false, false, false, false]);
  addAll();
  expect(about('z')).toBe(true);
});
