import { Channel } from '../gen/replymesh/type/v1/customer.js';
import { Action, DecisionReason, PriorityLevel, Query, SentimentLabel } from '../gen/replymesh/type/v1/decision.js';
import { messageOf } from './messages.js';

/** Tenants and the share of all messages that each has. */
export const TENANTS = [
  ['bench-a', 0.5],
  ['bench-b', 0.25],
  ['bench-c', 0.12],
  ['bench-d', 0.08],
  ['bench-e', 0.05],
] as const;
/** The tenant that is asked: the largest. */
export const ASKED = TENANTS[0][0];
/** Messages of a customer in the mean. */
const PER_CUSTOMER = 50;
/** Customers are drawn by this power of chance: the busiest of 100,000 has some 0.05 % of a tenant's messages, half of them fewer than a third of the mean. */
const SKEW = 1.5;
const INTENTS = [
  'get_refund',
  'track_refund',
  'cancel_order',
  'change_order',
  'place_order',
  'track_order',
  'delivery_period',
  'get_invoice',
];
const MEMBERS = ['minilm', 'roberta', 'logistic_regression', 'lightgbm'];
const REPLY =
  'Hello,\n\nYou can cancel an order yourself while its status is Placed or Packed. While the status is Placed, cancelling is free; once the status is ' +
  'Packed, cancelling costs 4.90 USD. To cancel, open Account > Orders, choose the order and select Cancel order.\n\nKind regards,\nCustomer service';

/** Pure chance by number: the same rows every time. @returns 0 … 1 */
export function chance(n: number, salt: number): number {
  let h = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

export function tenantAt(n: number): string {
  let at = chance(n, 1);
  return (TENANTS.find(([, share]) => (at -= share) < 0) ?? TENANTS[0])[0];
}

export const customersOf = (rows: number, tenant: string): number =>
  Math.ceil((rows / PER_CUSTOMER) * (TENANTS.find(([name]) => name === tenant)?.[1] ?? 0));
export const customerId = (i: number): string => `cus_${i}`;
export const customerAt = (n: number, customers: number): string => customerId(Math.floor(customers * chance(n, 2) ** SKEW));

/** The n-th message as the gateway records it: some 1.8 kB, as the records of a mesh that answers such messages. */
export function queryAt(n: number, own: { id: string; customerId: string; createTime: Date }): Query {
  const at = (i: number): string => INTENTS[(Math.floor(INTENTS.length * chance(n, 3) ** 2) + i) % INTENTS.length] ?? '';
  const confidence = 1 - 0.6 * chance(n, 4) ** 3;
  const action = chance(n, 5) < 0.6 ? Action.AUTO : chance(n, 5) < 0.85 ? Action.DRAFT : Action.ESCALATE;
  const digest = (salt: number): string =>
    Math.floor(chance(n, salt) * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
      .repeat(8);
  return Query.fromPartial({
    ...own,
    channel: [Channel.CHAT, Channel.EMAIL, Channel.CHAT, Channel.SOCIAL][n % 4] ?? Channel.CHAT,
    labelSpace: 'support',
    text: messageOf(n),
    decision: {
      id: own.id,
      intents: [confidence, ...[5, 6, 7, 8].map((salt) => ((1 - confidence) / 4) * chance(n, salt))].map((score, i) => ({
        label: at(i),
        score,
      })),
      confidence,
      uncertainty: {
        predictiveEntropy: 3 * (1 - confidence),
        expectedEntropy: 2.9 * (1 - confidence),
        mutualInformation: 0.05,
        samples: 30,
      },
      predictionSet: { labels: [at(0)], coverage: 0.95 },
      outOfScope: { score: chance(n, 9) },
      sentiment: { label: SentimentLabel.NEUTRAL, score: 0.5 },
      priority: { level: PriorityLevel.NORMAL, score: chance(n, 10) },
      action,
      reason: chance(n, 11) < 0.05 ? DecisionReason.NO_SOURCE : DecisionReason.INTENT_DRAFT_ONLY,
      reply: {
        text: REPLY,
        language: 'en',
        citations: [{ articleId: 'cancel-an-order', passageId: 'cancel-an-order#1', title: 'Cancel an order' }],
      },
      evidence: {
        bundleDigest: 'b'.repeat(64),
        policyVersion: '2026-11-01',
        features: { interactions30d: 1, interactionsTotal: 9, daysSinceLast: 1 },
        dropoutSeed: digest(12).slice(0, 32),
        passageSha256: [13, 14, 15, 16, 17, 18, 19, 20].map(digest),
        memberVotes: MEMBERS.map((member, i) => ({ member, intents: [{ label: at(chance(n, 21 + i) < 0.9 ? 0 : 1), score: confidence }] })),
      },
      timings: {
        totalUs: Math.round(20_000 + 80_000 * chance(n, 25) ** 2),
        contextUs: 3000,
        inferenceUs: 20_000,
        searchUs: 9000,
        generationUs: 7000,
      },
    },
  });
}
