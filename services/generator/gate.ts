import type { CustomerFact } from '../../gen/replymesh/type/v1/customer.js';
import { FactType } from '../../gen/replymesh/type/v1/customer.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { type Claim, type ClaimKind, readClaims } from './claims.js';
import { isGuarantee, type PromiseKind, readPromises } from './promises.js';
import { splitSentences } from './sentences.js';
import { allStems, contentStems, countShared, isCourteous, isStopWord, stem } from './words.js';

/** What a reply may stand on. */
export interface Sources {
  readonly passages: readonly Passage[];
  readonly facts: readonly CustomerFact[];
  /** Name of the customer; empty when not known. */
  readonly customerName: string;
  /** The customer's message: only its masked placeholders count, since what a customer says is no source. */
  readonly customerText: string;
}

export type Verdict =
  | {
      readonly supported: true;
      /** Positions, from 0, of the passages that support it. */
      readonly passages: readonly number[];
      /** Whether it says nothing about the matter. */
      readonly courtesy: boolean;
    }
  | {
      readonly supported: false /** What no source supports; names no customer text. */;
      readonly because: ClaimKind | PromiseKind | 'NAME' | 'NEGATION' | 'STATEMENT' | 'LENGTH';
    };

/** A part of a sentence, or all of it. */
interface Clause {
  readonly claims: ReadonlySet<string>;
  readonly stems: ReadonlySet<string>;
  readonly negative: boolean;
  /** Says something about another moment only, as "before it is sent there is no number" does. */
  readonly conditional: boolean;
}

/** One sentence of a passage, or one fact. */
interface Unit {
  readonly passage: number | undefined;
  readonly fact: CustomerFact | undefined;
  readonly claims: ReadonlySet<string>;
  readonly kinds: ReadonlySet<ClaimKind>;
  /** Stems of its own words. */
  readonly own: ReadonlySet<string>;
  /** Those and the words of its title or key, which say what it is about. */
  readonly stems: ReadonlySet<string>;
  readonly clauses: readonly Clause[];
  readonly guarantees: boolean;
}

/** Checks the sentences of one reply. */
export type Gate = (sentence: string) => Verdict;

/** Shared words over the words of the shorter side, from which a passage counts as being about the same thing. Set so that every sentence of the approved wording passes on its articles and each false one in `gate.test.ts` fails. */
const SAME_MATTER = 0.5;
/** How much closer another sentence with a claim of the same kind must be before it counts as the one that was meant. */
const CLEARLY_CLOSER = 0.3;
/** Share of a sentence's words that its sources must know before a statement without hard facts passes. */
const KNOWN_WORDS = 0.5;
/** Share of words from which two clauses say the same, or one the opposite of the other. */
const SAME_WORDS = 0.8;
/** Share of a promise's words that one sentence of a source must hold. */
const SAME_PROMISE = 0.6;

/** Nothing longer is a sentence that a customer should get, nor worth the search. */
export const MAX_SENTENCE_CHARS = 1000;

/** These name one thing in the world, so that it does not matter which passage they come from. */
const SELF_EXPLAINING: ReadonlySet<ClaimKind> = new Set(['EMAIL', 'URL', 'PHONE', 'IDENTIFIER', 'PLACEHOLDER']);
/** Things that facts are about: a fact about one of them supports no sentence about only another. */
const MATTERS = ['order', 'refund', 'invoice', 'account', 'subscription', 'membership', 'fee', 'label'].map(stem);
const NEGATION = /\b(?:not|never|cannot|unable|neither|nor|no longer|without)\b|n['’]t\b|\bno\b(?! (?:extra|additional|cost|charge|fee))/i;
const CONDITION = /\b(?:if|when|once|until|unless|before|after|while|as soon as)\b/i;

const keyOf = (claim: Claim): string => `${claim.kind} ${claim.value}`;
const normal = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[’]/g, "'")
    .replace(/[^\p{L}\p{N}%$€£¥@'.,:+-]+/gu, ' ')
    .replace(/[.,:\s]+$/, '')
    .replace(/^(?:\d{1,2}\.|-)?\s*/, '')
    .trim();

/** Markdown: list marks, emphasis and headings are no words. */
const plain = (text: string): string => text.replace(/^\s*(?:[-*+]|#{1,6})\s+/gm, '').replace(/[*`]+/g, '');
const withoutNumbering = (sentence: string): string => sentence.replace(/^\s*(?:\d{1,2}[.)]|[-*•])\s+/, '');

function unitOf(text: string, about: string, passage: number | undefined, fact: CustomerFact | undefined): Unit {
  const { claims, rest } = readClaims(text);
  const own = contentStems(rest);
  return {
    passage,
    fact,
    claims: new Set(claims.map(keyOf)),
    kinds: new Set(claims.map((claim) => claim.kind)),
    own,
    stems: new Set([...own, ...contentStems(about)]),
    clauses: clausesOf(text),
    guarantees: isGuarantee(text),
  };
}

const factText = (fact: CustomerFact): string => `${fact.key.replace(/[._]/g, ' ')}: ${fact.value}`;

/** Everything a gate looks up, made once for a reply. */
interface Ground {
  readonly units: readonly Unit[];
  readonly verbatim: ReadonlyMap<string, number>;
  readonly claims: ReadonlySet<string>;
  readonly phones: readonly string[];
  readonly vocabulary: ReadonlySet<string>;
  readonly stemsOfPassage: readonly ReadonlySet<string>[];
  readonly factStems: ReadonlySet<string>;
}

function groundOf(sources: Sources): Ground {
  const units: Unit[] = [];
  const verbatim = new Map<string, number>();
  sources.passages.forEach((passage, index) => {
    for (const sentence of splitSentences(plain(passage.text))) {
      if (sentence.trim() === '') continue;
      units.push(unitOf(withoutNumbering(sentence), passage.title, index, undefined));
      if (!verbatim.has(normal(sentence))) verbatim.set(normal(sentence), index);
    }
  });
  for (const fact of sources.facts) units.push(unitOf(factText(fact), '', undefined, fact));
  const texts = [...sources.passages.flatMap((p) => [p.title, plain(p.text)]), ...sources.facts.map(factText), sources.customerName];
  const placeholders = sources.customerText.match(/\{\{[^{}]{1,40}\}\}/g) ?? [];
  const claims = new Set([
    ...units.flatMap((unit) => [...unit.claims]),
    ...placeholders.flatMap((one) => readClaims(one).claims.map(keyOf)),
  ]);
  return {
    units,
    verbatim,
    claims,
    phones: [...claims].filter((claim) => claim.startsWith('PHONE ')).map((claim) => claim.slice(6)),
    vocabulary: new Set(texts.flatMap((text) => [...allStems(text)])),
    stemsOfPassage: sources.passages.map((p) => new Set([...allStems(p.title), ...allStems(p.text)])),
    factStems: new Set(sources.facts.flatMap((fact) => [...allStems(factText(fact))])),
  };
}

/**
 * Makes the gate of one reply. A sentence passes when each hard fact, name and promise in it, and most of its words, are in the
 * sources, where they are about the same matter. It knows English. It cannot tell whether a sentence that mixes true parts of
 * one source sentence is still true.
 */
export function openGate(sources: Sources): Gate {
  const ground = groundOf(sources);
  return (sentence) => {
    const text = withoutNumbering(plain(sentence)).trim();
    const copied = ground.verbatim.get(normal(sentence)) ?? ground.verbatim.get(normal(text));
    if (copied !== undefined) return { supported: true, passages: [copied], courtesy: false };
    if (text.length > MAX_SENTENCE_CHARS) return { supported: false, because: 'LENGTH' };
    const { claims, rest } = readClaims(text);
    const stems = contentStems(rest);
    const supporting = new Set<number>();
    const clauses = clausesOf(text);
    for (const claim of claims) {
      const readings = clauses.filter((clause) => clause.claims.has(keyOf(claim)) && clause.stems.size >= 2).map((clause) => clause.stems);
      const support = [stems, ...readings].map((reading) => supportOfClaim(claim, reading, ground)).find((found) => found !== undefined);
      if (support === undefined) return { supported: false, because: claim.kind };
      for (const index of support) supporting.add(index);
    }
    if (hasUnknownName(rest, ground.vocabulary)) return { supported: false, because: 'NAME' };
    for (const promise of readPromises(text)) {
      if (!promiseIsKept(promise.kind, promise.verb, stems, ground)) return { supported: false, because: promise.kind };
    }
    if (contradicts(stems, NEGATION.test(rest), ground.units)) return { supported: false, because: 'NEGATION' };
    return statementVerdict(text, claims, stems, supporting, ground);
  };
}

/** The whole sentence and its clauses: a sentence may join what two sentences of a source say, or deny a half of one. */
function clausesOf(text: string): Clause[] {
  const parts = text.split(/[,;:]\s|\s(?=(?:and|but|while|or)\s)/);
  return (parts.length === 1 ? parts : [text, ...parts]).map((part) => {
    const { claims, rest } = readClaims(part);
    return {
      claims: new Set(claims.map(keyOf)),
      stems: contentStems(rest),
      negative: NEGATION.test(rest),
      conditional: CONDITION.test(rest),
    };
  });
}

/** Passages that support a claim (none for a fact), or undefined when no source does. */
function supportOfClaim(claim: Claim, stems: ReadonlySet<string>, ground: Ground): number[] | undefined {
  const matches = ground.units.filter((unit) => hasClaim(unit, claim));
  if (SELF_EXPLAINING.has(claim.kind)) {
    const known =
      ground.claims.has(keyOf(claim)) ||
      matches.length > 0 ||
      (claim.kind === 'PHONE' && ground.phones.some((phone) => phone.endsWith(claim.value)));
    return known ? matches.flatMap((unit) => unit.passage ?? []) : undefined;
  }
  const aboutIt = matches.filter((unit) => (unit.fact ? factFits(unit.fact, stems) : closeness(stems, unit) >= SAME_MATTER));
  if (aboutIt.some((unit) => unit.fact)) return [];
  const best = Math.max(0, ...aboutIt.map((unit) => closeness(stems, unit)));
  const rival = ground.units.some(
    (unit) => rivals(unit, claim.kind) && !unit.fact && !hasClaim(unit, claim) && closeness(stems, unit) >= best + CLEARLY_CLOSER,
  );
  return aboutIt.length === 0 || rival ? undefined : [...new Set(aboutIt.flatMap((unit) => unit.passage ?? []))];
}

/** A price contradicts "free", and the other way round. */
const rivals = (unit: Unit, kind: ClaimKind): boolean =>
  unit.kinds.has(kind) || (kind === 'FREE' && unit.kinds.has('MONEY')) || (kind === 'MONEY' && unit.kinds.has('FREE'));

function hasClaim(unit: Unit, claim: Claim): boolean {
  if (unit.claims.has(keyOf(claim))) return true;
  // A date without its year, an ambiguous one, and the digits of an order number are the same thing said shorter.
  if (claim.kind === 'DATE') return [...unit.claims].some((known) => known.startsWith('DATE ') && sameDate(known.slice(5), claim.value));
  if (claim.kind === 'NUMBER' && claim.value.length >= 4)
    return [...unit.claims].some((known) => known.startsWith('IDENTIFIER ') && known.endsWith(`-${claim.value}`));
  return false;
}

const sameDate = (known: string, said: string): boolean =>
  said.split('|').some((one) => known.split('|').some((other) => one === other || (one.startsWith('--') && other.endsWith(one.slice(1)))));

function closeness(stems: ReadonlySet<string>, unit: Unit): number {
  const shorter = Math.min(stems.size, unit.stems.size);
  return shorter === 0 ? 0 : countShared(stems, unit.stems) / shorter;
}

/** A fact about a refund supports no sentence that names only the order. */
function factFits(fact: CustomerFact, stems: ReadonlySet<string>): boolean {
  const named = MATTERS.filter((matter) => stems.has(matter));
  const about = allStems(fact.key.replace(/[._]/g, ' '));
  return named.length === 0 || named.some((matter) => about.has(matter)) || !MATTERS.some((matter) => about.has(matter));
}

/** Whether a capitalised word inside the sentence, or one such as `iPhone`, is in no source. */
function hasUnknownName(rest: string, vocabulary: ReadonlySet<string>): boolean {
  const words = [...rest.matchAll(/\p{L}[\p{L}\p{M}'’]*(?:-\p{L}[\p{L}\p{M}]*)*/gu)];
  return words.some((match, position) => {
    const word = match[0];
    const begins = position === 0 || /[:"“>•]\s*$/.test(rest.slice(0, match.index)) || /[.!?]\s+$/.test(rest.slice(0, match.index));
    const marked = /\p{Ll}\p{Lu}/u.test(word) || (/^\p{Lu}/u.test(word) && (!begins || /^\p{Lu}{2,}$/u.test(word)));
    if (!marked || isStopWord(word) || isCourteous(stem(word))) return false;
    return !vocabulary.has(stem(word)) && !word.split('-').every((part) => vocabulary.has(stem(part)));
  });
}

/** Whether a source says the same: a done thing by the status of a fact, a future one by a sentence with its verb and most of its words. */
function promiseIsKept(kind: PromiseKind, verb: string, stems: ReadonlySet<string>, ground: Ground): boolean {
  switch (kind) {
    case 'SECRET_REQUEST':
      return false;
    case 'GUARANTEE':
      return ground.units.some((unit) => unit.guarantees && countShared(stems, unit.stems) >= SAME_PROMISE * stems.size);
    case 'DONE':
      return ground.units.some(
        (unit) => unit.fact?.type === FactType.STATUS && allStems(unit.fact.value).has(stem(verb)) && factFits(unit.fact, stems),
      );
    case 'FUTURE':
      return ground.units.some(
        (unit) =>
          !unit.fact && stems.size > 0 && countShared(stems, unit.stems) >= SAME_PROMISE * stems.size && countShared(stems, unit.own) > 1,
      );
    default:
      return kind satisfies never;
  }
}

/** Whether the source clauses with nearly the same words all say the opposite. */
function contradicts(stems: ReadonlySet<string>, negative: boolean, units: readonly Unit[]): boolean {
  if (stems.size < 3) return false;
  const sources = units.filter((unit) => !unit.fact).flatMap((unit) => unit.clauses.filter((clause) => !clause.conditional));
  const alike = sources.filter((source) => countShared(stems, source.stems) >= SAME_WORDS * Math.max(stems.size, source.stems.size));
  return alike.length > 0 && alike.every((source) => source.negative !== negative);
}

/** Courtesy and questions need no source; any other statement needs most of its words from one passage, or from the facts. */
function statementVerdict(
  text: string,
  claims: readonly Claim[],
  stems: ReadonlySet<string>,
  supporting: Set<number>,
  ground: Ground,
): Verdict {
  const saying = new Set([...stems].filter((one) => !isCourteous(one)));
  const enough = KNOWN_WORDS * saying.size;
  const shares = ground.stemsOfPassage.map((known) => countShared(saying, known));
  const best = Math.max(0, ...shares);
  const needsNone = saying.size <= 1 || text.endsWith('?') || countShared(saying, ground.factStems) >= enough;
  if (!needsNone && best < enough) return { supported: false, because: 'STATEMENT' };
  if (supporting.size === 0 && !needsNone) supporting.add(shares.indexOf(best));
  return { supported: true, passages: [...supporting].sort((a, b) => a - b), courtesy: saying.size <= 1 && claims.length === 0 };
}
