import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordPieces } from './wordPiece.js';

const vocabulary = (pieces: string[], maxWordLength = 100) => ({
  has: (piece: string) => pieces.includes(piece),
  longestPiece: Math.max(...pieces.map((p) => [...p].length)),
  continuingPrefix: '##',
  unknown: '[UNK]',
  maxWordLength,
});
const KNOWN = vocabulary(['un', '##aff', '##able', 'a', '##a', '##b', '😀', '##😀', 'refund', '##s']);

describe('words', () => {
  it('are cut into the longest known pieces from the left', () => {
    expect(wordPieces(['unaffable', 'refunds'], KNOWN, 100)).toEqual(['un', '##aff', '##able', 'refund', '##s']);
  });

  it('that cannot be cut, or are too long, are unknown as a whole', () => {
    expect(wordPieces(['unxyz', 'a'.repeat(101), 'a'], KNOWN, 100)).toEqual(['[UNK]', '[UNK]', 'a']);
  });

  it('are counted in characters, not in halves of them', () => {
    expect(wordPieces(['😀'.repeat(100)], KNOWN, 200)).toHaveLength(100);
    expect(wordPieces(['😀'.repeat(101)], KNOWN, 200)).toEqual(['[UNK]']);
  });

  it('give back their letters when the pieces are joined again', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', '😀'), { minLength: 1, maxLength: 100 }), (letters) => {
        const pieces = wordPieces([letters.join('')], KNOWN, 1000);
        if (letters[0] !== 'b') expect(pieces.map((p) => p.replace('##', '')).join('')).toBe(letters.join(''));
      }),
    );
  });

  it('are read no further than anybody looks', () => {
    expect(wordPieces(Array(10_000).fill('a'), KNOWN, 256)).toHaveLength(257);
  });
});
