import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, fuseRanks } from './rankFusion.js';

const candidate = (id: string, vectorRank?: number, wordRank?: number, intents: string[] = []): Candidate => ({
  id,
  vectorRank,
  wordRank,
  intents,
});
const rank = fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined });
const candidates = fc.uniqueArray(
  fc.record({ id: fc.string(), vectorRank: rank, wordRank: rank, intents: fc.array(fc.constantFrom('refund', 'cancel')) }),
  { selector: (c) => c.id },
);
const order = (list: readonly Candidate[], intents: string[] = []) => fuseRanks(list, intents, true).map((f) => f.candidate.id);

describe('the fusion of two rankings', () => {
  it('gives 1 to what is first everywhere', () => {
    expect(fuseRanks([candidate('a', 1, 1, ['refund'])], ['refund'], true)).toEqual([{ candidate: expect.anything(), score: 1 }]);
    expect(fuseRanks([candidate('a', undefined, 1)], [], false)[0]?.score).toBe(1);
  });

  it('prefers what both rankings found to what one found', () => {
    expect(order([candidate('one', 1), candidate('both', 3, 3)])).toEqual(['both', 'one']);
  });

  it('settles near ties by the likely intents, the most likely first, but does not turn the rankings round', () => {
    const near = [candidate('plain', 1, 2), candidate('second', 2, 1, ['cancel']), candidate('first', 2, 2, ['refund'])];
    expect(order(near, ['refund', 'cancel'])).toEqual(['second', 'first', 'plain']);
    expect(order([candidate('found', 1, 1), candidate('preferred', undefined, 30, ['refund'])], ['refund'])).toEqual([
      'found',
      'preferred',
    ]);
  });

  it('scores from 0 to 1, best first, the same in whatever order candidates come', () => {
    fc.assert(
      fc.property(candidates, fc.subarray(['refund', 'cancel']), fc.boolean(), (list, intents, withVectors) => {
        const given = withVectors ? list : list.map((c) => ({ ...c, vectorRank: undefined }));
        const fused = fuseRanks(given, intents, withVectors);
        const scores = fused.map((f) => f.score);
        expect(scores.every((s) => s >= 0 && s <= 1 + 1e-12)).toBe(true);
        expect(scores).toEqual([...scores].sort((a, b) => b - a));
        expect(fuseRanks([...given].reverse(), intents, withVectors)).toEqual(fused);
      }),
    );
  });

  it('never ranks a passage lower for ranking better in one of the lists', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), rank, (vectorRank, wordRank) => {
        expect(order([candidate('worse', vectorRank, wordRank), candidate('better', vectorRank - 1, wordRank)])).toEqual([
          'better',
          'worse',
        ]);
      }),
    );
  });
});
