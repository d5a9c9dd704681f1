import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/packageRoot.js';
import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import { featuresOf, NGRAM_BUCKETS } from './features.js';
import { type GoldenBlock, textsOf } from './variations.fixture.js';

const golden: { blocks: GoldenBlock[] } = JSON.parse(readFileSync(new URL('training/data/feature-golden.json', packageRoot), 'utf8'));

/** As `feature_golden.py` makes it; typed arrays are little-endian wherever Node runs. */
function digest(texts: readonly string[]): string {
  const seen = createHash('sha256');
  for (const text of texts) {
    const { ngrams, ngramCounts, values } = featuresOf(text);
    seen.update(Int32Array.of(ngrams.length, ...ngrams));
    seen.update(ngramCounts);
    seen.update(values);
  }
  return seen.digest('hex');
}

const named = (text: string): Record<string, number> =>
  Object.fromEntries([...featuresOf(text).values].map((value, i) => [TEXT_FEATURES[i]!, value]));

describe('features are those of training, bit for bit', () => {
  it('on more than a thousand rows', () => {
    expect(golden.blocks.reduce((sum, block) => sum + block.rows, 0)).toBeGreaterThan(1000);
  });

  it.each(golden.blocks)('$name', ({ name, rows, sha256 }) => {
    const texts = textsOf(name);
    expect([texts.length, digest(texts)]).toEqual([rows, sha256]);
  });
});

describe('features', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.string({ unit: fc.constantFrom('a', 'B', '7', ' ', '?', '!', '{', 'é'), maxLength: 600 })); // biome-ignore format: one thought

  it('of any text are in their ranges', () => {
    fc.assert(
      fc.property(text, (any) => {
        const { ngrams, ngramCounts, values } = featuresOf(any);
        expect(values).toHaveLength(TEXT_FEATURES.length);
        expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
        expect(ngrams).toHaveLength(ngramCounts.length);
        expect(new Set(ngrams).size).toBe(ngrams.length);
        expect(ngrams.every((bucket) => bucket >= 0 && bucket < NGRAM_BUCKETS)).toBe(true);
        expect(ngramCounts.every((count) => count >= 1)).toBe(true);
      }),
    );
  });

  it('count every gram once: words, pairs and pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9_é]{1,12}$/), { minLength: 1, maxLength: 256 }), (words) => {
        const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word), 0);
        // A word of n bytes has n + 1, n and n − 1 pieces of 2, 3 and 4 bytes.
        const grams = words.length + (words.length - 1) + 3 * bytes;
        expect(featuresOf(words.join(' ')).ngramCounts.reduce((sum, count) => sum + count, 0)).toBe(grams);
      }),
    );
  });

  it('read no word after the first 256', () => {
    const words = Array.from({ length: 256 }, (_, i) => `word${i}`).join(' ');
    const [some, more] = [featuresOf(words), featuresOf(`${words} another`)];
    expect(more.ngrams).toEqual(some.ngrams);
    expect(more.ngramCounts).toEqual(some.ngramCounts);
  });

  it('of nothing are none', () => {
    expect(featuresOf('')).toEqual({ ngrams: new Int32Array(), ngramCounts: new Float32Array(), values: new Float32Array(10) });
  });

  it('mean what the reference says', () => {
    expect(named("Why DON'T you ship {{ORDER_1}}?!")).toEqual({
      length: Math.fround(32 / 400),
      words: Math.fround(6 / 64),
      question_marks: 0.25,
      exclamation_marks: 0.25,
      capitals: Math.fround(10 / 32),
      digits: Math.fround(1 / 32),
      masks: 0.25,
      word_length: Math.fround(21 / 6 / 16),
      negations: 0.25,
      asks: 1,
    });
  });
});
