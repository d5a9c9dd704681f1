import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeIds, shapeOf, wordsOf } from './words.js';

interface Golden {
  readonly cases: readonly { readonly text: string; readonly words: readonly [word: string, shapeId: number][] }[];
}

describe('words', () => {
  it('are those of training, with the same shapes', () => {
    const { cases } = JSON.parse(readFileSync('training/data/words-golden.json', 'utf8')) as Golden;
    expect(cases.length).toBeGreaterThan(20);
    for (const { text, words } of cases) expect(wordsOf(text).map((word) => [word.text, shapeIds(word, 1)[0]])).toEqual(words);
  });

  it('stand in the text where they say, in order, with nothing but white space between them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        let at = 0;
        for (const { start, end, text: word } of wordsOf(text)) {
          expect(text.slice(start, end)).toBe(word);
          expect(text.slice(at, start).trim()).toBe('');
          at = end;
        }
        expect(text.slice(at).trim()).toBe('');
      }),
    );
  });

  it.each([
    ['ada', 'lower'],
    ['Ada', 'title'],
    ['ADA', 'upper'],
    ['A', 'initial'],
    ['McAda', 'mixed'],
    ['12', 'digits'],
    ['a1', 'coded'],
    ['東京', 'uncased'],
    ['-', 'sign'],
  ])('"%s" is written %s', (word, shape) => {
    expect(shapeOf(word)).toBe(shape);
  });
});
