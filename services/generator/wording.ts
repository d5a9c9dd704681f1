import type { CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import { FactType } from '../../gen/replymesh/type/v1/customer.js';
import { Action, type Citation } from '../../gen/replymesh/type/v1/decision.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { citationsOf } from './citations.js';
import { splitSentences } from './sentences.js';
import { PLACEHOLDER, type Template, type Wording } from './wordingFile.js';

/** What approved wording is filled from. */
export interface Asked {
  readonly intent: string;
  readonly action: Action;
  readonly customer: CustomerProfile | undefined;
  readonly passages: readonly Passage[];
}

export interface ApprovedReply {
  /** In order; joined they are the text. */
  readonly sentences: readonly string[];
  readonly citations: readonly Citation[];
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** `2026-11-24` → `24 November 2026`, which nobody reads as another day; anything else stays as it is. */
function spell(value: string, type: FactType): string {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value) ?? [];
  const name = MONTHS[Number(month) - 1];
  return type === FactType.DATE && name !== undefined ? `${Number(day)} ${name} ${year}` : value;
}

/** Everything a template may name: the facts, and the customer's name. Empty values count as absent. */
function valuesOf(customer: CustomerProfile | undefined): ReadonlyMap<string, string> {
  const facts = (customer?.facts ?? []).map((fact) => [fact.key, spell(fact.value, fact.type)] as const);
  return new Map([...facts, ['customer.name', customer?.displayName ?? ''] as const].filter(([, value]) => value.trim() !== ''));
}

/** The first template whose facts are all known, filled in one pass, so that a value is never read as a placeholder. */
function fill(templates: readonly Template[], values: ReadonlyMap<string, string>): { text: string; template: Template } | undefined {
  const template = templates.find((one) => one.requires.every((key) => values.has(key)));
  return template && { template, text: template.text.replace(PLACEHOLDER, (_, key: string) => values.get(key) ?? '') };
}

/** `Hello Ada Mensah,` with the blank line after it. */
export const greetingOf = (wording: Wording, customer: CustomerProfile | undefined): string =>
  `${fill(wording.greeting, valuesOf(customer))?.text ?? ''}\n\n`;

/** The blank line and the farewell. */
export const closingOf = (wording: Wording): string => `\n\n${wording.closing}`;

/** Position of the best passage of an article; of none where the article was not found. */
const bestOf = (articleId: string, passages: readonly Passage[]): ReadonlySet<number> =>
  new Set([passages.findIndex((passage) => passage.articleId === articleId)]);

/**
 * The approved reply: that of the first template whose facts are known, or the holding reply, without sources, for an intent
 * without wording and for what a person will answer. It cites those of the template's articles that were found: a source that
 * nobody can open would let a reply pass for supported.
 */
export function approvedReply(wording: Wording, asked: Asked): ApprovedReply {
  const templates = asked.action === Action.ESCALATE ? undefined : wording.intents.get(asked.intent);
  const filled = templates && fill(templates, valuesOf(asked.customer));
  const body = splitSentences(filled?.text ?? wording.unknown);
  const last = body.pop() ?? '';
  return {
    sentences: [greetingOf(wording, asked.customer), ...body, last + closingOf(wording)],
    citations: (filled?.template.sources ?? []).flatMap((articleId) => citationsOf(bestOf(articleId, asked.passages), asked.passages)),
  };
}
