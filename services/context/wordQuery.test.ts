import { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyOf, candidatesOf } from './wordQuery.js';

describe('a query of words', () => {
  let db: PGlite;
  beforeAll(async () => {
    db = await PGlite.create();
  });
  afterAll(() => db.close());
  const finds = async (query: string, held: readonly string[]): Promise<boolean | undefined> => {
    const { rows } = await db.query<{ found: boolean }>('select array_to_tsvector($1) @@ $2::tsquery as found', [held, query]);
    return rows[0]?.found;
  };
  const counts = (holding: Record<string, number>, passages = 100_000) => ({ passages, holding: new Map(Object.entries(holding)) });

  it('finds what holds any of the words, whatever characters they are of', async () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(word, { minLength: 1, maxLength: 5 }), async (words) => {
        for (const one of words) expect(await finds(anyOf(words), [one])).toBe(true);
        expect(await finds(anyOf(words), [`${words.join('')}x`])).toBe(false);
      }),
    );
  });

  it('takes every passage with one of the words while these are rare', () => {
    expect(candidatesOf(['order', 'cancel'], counts({ order: 400, cancel: 600 }))).toBe("'order' | 'cancel'");
    expect(candidatesOf(['order', 'cancel'], { passages: 0, holding: new Map() })).toBe("'cancel' | 'order'");
    expect(candidatesOf([], counts({}))).toBe('');
  });

  it('takes of common words only passages that hold the rarest of them together', async () => {
    const asked = candidatesOf(['order', 'cancel', 'need', 'zebra'], counts({ order: 9795, cancel: 7829, need: 20_292 }));
    expect(asked).toBe("'zebra' | ( 'cancel' & 'order' )");
    expect(await finds(asked, ['zebra'])).toBe(true);
    expect(await finds(asked, ['cancel', 'order'])).toBe(true);
    expect(await finds(asked, ['cancel', 'need'])).toBe(false);
  });

  it('never lets rare words hold more than a thousand passages, and leaves out no word that is rarer than one it takes', () => {
    const counted = fc.dictionary(fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 1, maxLength: 3 }), fc.nat(5000));
    fc.assert(
      fc.property(counted, (holding) => {
        const words = Object.keys(holding);
        const rare = candidatesOf(words, counts(holding))
          .split(' | ')
          .filter((part) => part.startsWith("'"));
        const taken = words.filter((word) => rare.includes(`'${word}'`));
        const least = Math.min(...words.filter((word) => !taken.includes(word)).map((word) => holding[word]!));
        expect(taken.reduce((sum, word) => sum + holding[word]!, 0)).toBeLessThanOrEqual(1000);
        for (const word of taken) expect(holding[word]!).toBeLessThanOrEqual(least);
      }),
    );
  });
});
