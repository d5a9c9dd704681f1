import { expect, it } from 'vitest';
import { isGone } from './gone.js';

it('an article is gone when its source no longer has it, and not while that cannot be read', () => {
  const found = { ids: new Set(['read', 'moved']), unread: new Set(['broken.md']) };
  expect(isGone({ id: 'read', source: 'a.md' }, found)).toBe(false);
  expect(isGone({ id: 'moved', source: 'gone.md' }, found)).toBe(false);
  expect(isGone({ id: 'row-taken-out', source: 'a.md' }, found)).toBe(true);
  expect(isGone({ id: 'deleted', source: 'gone.md' }, found)).toBe(true);
  expect(isGone({ id: 'broken', source: 'broken.md' }, found)).toBe(false);
});
