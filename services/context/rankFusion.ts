/** Damps the first ranks; the value of the paper, which no data here has argued against. */
const K = 60;
/** Weight of the articles that answer a likely intent, next to 1 for meaning and 1 for words: worth about three ranks in each, so that it settles near ties. */
const INTENT_WEIGHT = 0.1;

/** What the search knows of one passage. Ranks count from 1. */
export interface Candidate {
  readonly id: string;
  /** Rank by embedding; absent when not among the nearest. */
  readonly vectorRank: number | undefined;
  /** Rank by words; absent when no word matches. */
  readonly wordRank: number | undefined;
  /** Intents that the passage's article answers. */
  readonly intents: readonly string[];
}

const share = (rank: number | undefined): number => (rank === undefined ? 0 : (K + 1) / (K + rank));

/**
 * Fuses ranks to one score, best first; ties go by id, so that the same search gives the same order.
 * @param intents likely intents, most likely first; empty for no preference
 * @param withVectors whether the search had an embedding: only then the best possible score has a part for it
 * @returns scores 0 … 1, scaled by the best possible
 * Source: Cormack, Clarke & Büttcher 2009 (reciprocal rank fusion).
 */
export function fuseRanks<C extends Candidate>(
  candidates: readonly C[],
  intents: readonly string[],
  withVectors: boolean,
): { candidate: C; score: number }[] {
  const best = 1 + (withVectors ? 1 : 0) + (intents.length > 0 ? INTENT_WEIGHT : 0);
  return candidates
    .map((candidate) => {
      const position = intents.findIndex((intent) => candidate.intents.includes(intent));
      const preferred = share(position === -1 ? undefined : position + 1);
      return { candidate, score: (share(candidate.vectorRank) + share(candidate.wordRank) + INTENT_WEIGHT * preferred) / best };
    })
    .sort((a, b) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1));
}
