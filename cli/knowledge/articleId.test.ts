import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { articleIdOf } from './articleId.js';

it('an article is known by the words of its place', () => {
  expect(articleIdOf('billing/How long a refund takes')).toBe('billing-how-long-a-refund-takes');
  expect(articleIdOf('Rücksendung/Größe')).toBe('ruecksendung-groesse');
  expect(articleIdOf('возврат')).toBe('vozvrat');
});

it('a place whose words are too short, too long or of another script has a hash in its id', () => {
  expect(articleIdOf('tv')).toMatch(/^tv-[0-9a-f]{8}$/);
  expect(articleIdOf('word '.repeat(40))).toMatch(/^(word-)+[0-9a-f]{8}$/);
  expect(new Set(['返品/refund', '交換/refund', 'refund'].map(articleIdOf)).size).toBe(3);
});

it('an id is always the same and always one that the contract takes', () => {
  const schema = messageType('replymesh.type.v1.Article');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (place) => {
      const id = articleIdOf(place);
      expect(articleIdOf(place)).toBe(id);
      const article = Article.fromPartial({ id, title: 'x', body: 'x' });
      expect(violationsOf(schema, Article.encode(article).finish())).toEqual([]);
    }),
  );
});
