import { type BehaviouralFeatures, CustomerTier } from '../../gen/replymesh/type/v1/customer.js';
import { type Priority, PriorityCause, PriorityLevel, type PriorityReason, SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';

/** What a priority is made from. */
export interface PriorityInput {
  readonly text: string;
  readonly features: BehaviouralFeatures;
  /** Absent when the tone is not known. */
  readonly sentiment: { readonly label: SentimentLabel; readonly score: number } | undefined;
  /** Predictive entropy divided by that of a uniform guess, 0 (sure) to 1. */
  readonly relativeEntropy: number;
}

/** Where everybody starts: in turn. */
const BASE = 0.25;
/** Least score of each level. */
const LEVELS: readonly [PriorityLevel, number][] = [
  [PriorityLevel.URGENT, 0.7],
  [PriorityLevel.HIGH, 0.5],
  [PriorityLevel.NORMAL, 0.2],
];

/** Harm is being done, or a deadline runs. English; the wording of other languages adds nothing. */
const PRESSING =
  /\b(urgent(ly)?|asap|a\.s\.a\.p|as soon as possible|immediate(ly)?|right (now|away)|at once|emergency|critical|time[- ]sensitive|deadline|fraud(ulent)?|scam(med)?|stolen|hacked|compromised|unauthori[sz]ed|charge ?back|lawyer|attorney|legal action|sue|police)\b/giu;
/** It has taken too long, or a person is wanted. */
const IMPATIENT =
  /\b(still (waiting|not|no|haven'?t|hasn'?t|nothing)|(no|without an?) (answer|reply|response)|for the (second|third|fourth|\w+th) time|yet again|keep(s)? (happening|failing)|unacceptable|ridiculous|furious|fed up|complaint|speak (to|with) (a|an|your) (human|person|manager|supervisor|agent)|today|tonight|tomorrow|hurry)\b/giu;
/** It can wait. Looked for first, and taken out, because "not urgent" holds "urgent". */
const PATIENT =
  /\b(not? (at all )?(an? )?(urgent|urgency|emergency|immediate|critical|rush|hurry)|isn'?t urgent|(no|without any) (rush|hurry)|whenever you (can|have time|get a chance)|when(ever)? you have (a moment|time)|take your time|just (curious|wondering))\b/giu;
const SHOUTED = /\b\p{Lu}{4,}\b/gu;

/** −0.15 to 0.45: what the wording says of how soon an answer is needed. */
export function urgency(text: string): number {
  const patient = count(text, PATIENT);
  const rest = patient > 0 ? text.replace(PATIENT, ' ') : text;
  const words = 0.4 * saturating(count(rest, PRESSING), 1) + 0.15 * saturating(count(rest, IMPATIENT), 1);
  const loudness = 0.05 * Math.min(1, count(rest, SHOUTED) / 2 + (/!\s*!/u.test(rest) ? 0.5 : 0));
  const score = words + loudness - (patient > 0 ? 0.15 : 0);
  return Math.max(-0.15, Math.min(0.45, score));
}

/**
 * How soon a person should look, 0 to 1, as a start value plus one contribution for each cause; the sum is cut to the range.
 * More of a cause never lowers the score.
 */
export function priorityOf({ text, features, sentiment, relativeEntropy }: PriorityInput): Priority {
  const contributions: [PriorityCause, number][] = [
    [PriorityCause.URGENT_WORDING, urgency(text)],
    [PriorityCause.NEGATIVE_SENTIMENT, sentiment?.label === SentimentLabel.NEGATIVE ? 0.2 * within01(1 - 2 * sentiment.score) : 0],
    [PriorityCause.CUSTOMER_TIER, features.tier === CustomerTier.PREMIUM ? 0.15 : features.tier === CustomerTier.PLUS ? 0.05 : 0],
    [PriorityCause.PAST_ESCALATIONS, 0.15 * saturating(features.escalationsTotal, 2)],
    [PriorityCause.OPEN_MATTERS, 0.15 * saturating(features.openInteractions, 2)],
    // 0 means that nobody has said how satisfied the customer is.
    [PriorityCause.LOW_SATISFACTION, features.meanSatisfaction > 0 ? 0.15 * within01((3.5 - features.meanSatisfaction) / 2.5) : 0],
    [PriorityCause.UNCERTAINTY, 0.1 * within01(relativeEntropy)],
  ];
  const reasons: PriorityReason[] = contributions
    .map(([cause, contribution]) => ({ cause, contribution: rounded(contribution) }))
    .filter(({ contribution }) => contribution !== 0)
    .sort((a, b) => b.contribution - a.contribution || a.cause - b.cause);
  const score = rounded(within01(reasons.reduce((sum, { contribution }) => sum + contribution, BASE)));
  return { level: levelOf(score), score, reasons };
}

/** Level of a score; the thresholds are inclusive. */
export const levelOf = (score: number): PriorityLevel => LEVELS.find(([, least]) => score >= least)?.[0] ?? PriorityLevel.LOW;

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** 0 for 0, one half for `half`, towards 1. */
const saturating = (n: number, half: number): number => 1 - 2 ** (-Math.max(0, n) / half);

const within01 = (x: number): number => Math.max(0, Math.min(1, x));

/** Four digits: a score is for reading, and its last bits mean nothing. */
const rounded = (x: number): number => Math.round(x * 10_000) / 10_000;
