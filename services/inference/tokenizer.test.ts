import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/packageRoot.js';
import { openBundle } from './bundle.js';
import { SHIPPED } from './inference.fixture.js';
import { openTokenizer, type Tokenize } from './tokenizer.js';

const CLS = 101;
const SEP = 102;
let tokenize: Tokenize;
let maxTokens: number;
beforeAll(async () => {
  const bundle = await openBundle(SHIPPED, 'support');
  tokenize = await openTokenizer(bundle, bundle.manifest.tokenizer);
  maxTokens = bundle.manifest.tokenizer.maxTokens;
});

describe('token ids', () => {
  it('are those of the library that the models were trained with', async () => {
    const { cases } = JSON.parse(await readFile(new URL('models/parity.json', packageRoot), 'utf8')) as {
      cases: { text: string; tokenIds: number[] }[];
    };
    expect(cases.length).toBeGreaterThan(0);
    for (const { text, tokenIds } of cases) expect([...tokenize(text).ids], JSON.stringify(text.slice(0, 80))).toEqual(tokenIds);
  });

  // Ids from tokenizers 0.23 in Python; the JavaScript library alone differs in each of these.
  it.each([
    ['ΣΑΣ ΟΔΟΣ', [101, 1173, 14608, 29733, 1169, 29722, 29730, 29733, 102]],
    ['a𠀀b', [101, 1037, 100, 1038, 102]],
  ])('are right where the library needs help: %s', (text, ids) => {
    expect([...tokenize(text).ids]).toEqual(ids);
  });

  it('of a long text are its first ones, closed as if it ended there', () => {
    const { ids, truncated } = tokenize('order '.repeat(5000));
    expect([ids.length, truncated, ids[0], ids[maxTokens - 1]]).toEqual([maxTokens, true, CLS, SEP]);
    expect(new Set(ids.slice(1, -1)).size).toBe(1);
  });

  it('fill the limit exactly without being cut', () => {
    const exact = tokenize('order '.repeat(maxTokens - 2));
    expect([exact.ids.length, exact.truncated]).toEqual([maxTokens, false]);
    expect(tokenize('order '.repeat(maxTokens - 1)).truncated).toBe(true);
  });

  it('are found for words that come only after a long stretch of nothing', () => {
    const plain = [...tokenize('refund').ids];
    expect([...tokenize(`${' '.repeat(15_000)}refund`).ids]).toEqual(plain);
    expect([...tokenize(`${'\u0000 '.repeat(9000)}refund`).ids]).toEqual(plain);
  });
});

describe('no text is too strange', () => {
  it.each([
    ['nothing but spaces', ' '.repeat(20_000)],
    ['nothing but punctuation', '!?'.repeat(10_000)],
    ['emoji', '👩‍👩‍👧👍🏽'.repeat(1500)],
    ['right to left', 'مرحبا كيف حالك שלום '.repeat(900)],
    ['one endless word', 'a'.repeat(20_000)],
    ['words made to keep a tokenizer busy', `${'qzxj'.repeat(24)} `.repeat(200)],
    ['ideographs', '你好世界'.repeat(5000)],
    ['piled-up accents', `e${'\u0301'.repeat(19_999)}`],
    ['half a surrogate pair', 'a\ud83d b\ude00'],
    ['control characters', '\u0000\u0007\u200b\ufeff\ufffd'],
    ['special tokens', '[CLS] [SEP] [PAD] [MASK] [UNK]'],
  ])('%s', (_, text) => {
    const { ids } = tokenize(text);
    expect(ids.length).toBeGreaterThanOrEqual(2);
    expect(ids.length).toBeLessThanOrEqual(maxTokens);
    expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP]);
  });

  it('to be read the same way twice, within the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { ids } = tokenize(text);
        expect(ids.length).toBeLessThanOrEqual(maxTokens);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
        expect(tokenize(text).ids).toEqual(ids);
      }),
    );
  });
});
