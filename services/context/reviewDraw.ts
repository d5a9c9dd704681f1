import { createHash } from 'node:crypto';
import { Action, type Decision, PriorityLevel, type Query, type Uncertainty } from '../../gen/replymesh/type/v1/decision.js';

/** Bytes of the hash that are held against the rate: exact in a double. */
const BYTES = 6;

/**
 * Whether chance takes a message before a person. By a hash of its id, which no caller chooses: the same message always fares the same, however often
 * and wherever it is recorded. @param rate share of all messages, 0 to 1
 */
export const isDrawn = (queryId: string, rate: number): boolean =>
  createHash('sha256').update(`review ${queryId}`).digest().readUIntBE(0, BYTES) < rate * 2 ** (8 * BYTES);

/** Why a message comes before a person; undefined when it does not. */
export function drawOf({ id, decision }: Query, rate: number): 'random' | 'chosen' | undefined {
  if (isDrawn(id, rate)) return 'random';
  return decision?.action === Action.DRAFT || decision?.action === Action.ESCALATE ? 'chosen' : undefined;
}

/**
 * How much a label would teach, nats: what dropout samples (Houlsby et al. 2011, BALD) and base models (Seung et al. 1992, query by committee) disagree
 * about. Where there is nobody to disagree, the entropy.
 */
export function informationOf(uncertainty: Uncertainty | undefined): number {
  if (!uncertainty) return 0;
  const disagreement = uncertainty.mutualInformation + uncertainty.ensembleDisagreement;
  return disagreement > 0 ? disagreement : uncertainty.predictiveEntropy;
}

/** Place in the queue: 0 is first. */
export const rankOf = (decision: Decision | undefined): number =>
  PriorityLevel.URGENT - Math.min(PriorityLevel.URGENT, Math.max(0, decision?.priority?.level ?? 0));

/** The label that stands for "none of the intents", as in CLINC150 and in training data. */
export const OUT_OF_SCOPE = 'out_of_scope';

/** What approving a decision says that its message is about; empty when the models said nothing. */
export const confirmedLabel = (decision: Decision | undefined): string =>
  decision?.outOfScope?.isOutOfScope ? OUT_OF_SCOPE : (decision?.intents[0]?.label ?? '');
