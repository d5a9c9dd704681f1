/** A sentence that binds the shop, by how: a guarantee, a thing said to be done, a thing that will happen, a secret asked for. */
export type PromiseKind = 'GUARANTEE' | 'DONE' | 'FUTURE' | 'SECRET_REQUEST';

export interface FoundPromise {
  readonly kind: PromiseKind;
  /** The verb that carries it, lower case as written; empty for a guarantee and a secret. */
  readonly verb: string;
}

const WHO =
  '(?:i|we|our (?:team|colleagues?|agents?|staff|department|warehouse)|(?:a|my|one of our|one of my) colleagues?|someone|customer service|northwind)';
const ADVERBS = '(?:(?:just|already|now|also|since|gladly|personally|happily|then|certainly|successfully|recently|immediately)\\s+)*';

/** What one can have done by reading a message alone. */
const HARMLESS_PARTICIPLES = 'received|read|understood|noted|heard|explained|described|listed|summari[sz]ed|included|been|had|got|tried';
/** "We will be happy to help" promises nothing. */
const HARMLESS_FUTURES = '(?:be (?:happy|glad|pleased|delighted|sorry|able|here|there)|need|want|have|find|see|notice|know)';
const PARTICIPLE = '(?:[a-z]+(?:ed|wn|nt|ne|ld)|made|put|paid|taken|given|written|begun|set|found|got|left|chosen)';

const GUARANTEE =
  /\b(?:guarante\w+|promis(?:e|es|ed|ing)|assure[sd]?|assuring|rest assured|without fail|definitely|certainly|absolutely|no matter what|in any case)\b|100 ?%|\b100 percent\b/i;
const SECRET =
  /\b(?:send|tell|give|share|provide|enter|confirm|reply with|let us know|what is|text)\b[^.]*\b(?:passwords?|pin|cvv|cvc|security code|(?:credit |debit )?card number|one-time code|verification code|passcode)\b/i;
const ABOUT_CHOOSING_ONE = /\b(?:never|not|don't|do not|new password|forgot|reset|change|choose)\b/i;

const DONE = [
  new RegExp(`\\b${WHO}(?:'ve|’ve|\\s+(?:have|has))\\s+${ADVERBS}(?!(?:${HARMLESS_PARTICIPLES}|not|never)\\b)(${PARTICIPLE})\\b`, 'i'),
  new RegExp(
    `\\b(?:i|we)\\s+${ADVERBS}(cancelled|canceled|refunded|sent|changed|updated|shipped|issued|credited|waived|processed|created|opened|booked|checked|removed|added|escalated|forwarded|extended|replaced)\\b`,
    'i',
  ),
  new RegExp(
    `\\b(?:i am|i'm|i’m|we are|we're|we’re)\\s+${ADVERBS}(cancelling|canceling|refunding|sending|changing|updating|shipping|issuing|crediting|waiving|processing|checking|escalating|forwarding|replacing)\\b`,
    'i',
  ),
  new RegExp(`\\b(?:has|have|was|were)\\s+${ADVERBS}been\\s+${ADVERBS}(${PARTICIPLE})\\b`, 'i'),
  new RegExp(
    `\\byour\\b[^,;:]{0,60}?\\b(?:is|are|was|were)\\s+${ADVERBS}(?:being\\s+)?(cancelled|canceled|refunded|sent|changed|updated|shipped|issued|credited|waived|processed|approved|dispatched|delivered|confirmed|extended|replaced|removed|deleted|closed|reactivated|unlocked|paid|returned)\\b`,
    'i',
  ),
];
const FUTURE = [
  new RegExp(
    `\\b${WHO}(?:'ll|’ll|\\s+(?:will|shall|(?:am|are|is) going to))\\s+${ADVERBS}(?!(?:${HARMLESS_FUTURES}|not|never)\\b)([a-z]+)\\b`,
    'i',
  ),
  new RegExp(
    `\\b(?:will|shall|(?:is|are) going to)\\s+${ADVERBS}be\\s+${ADVERBS}(?!(?:${HARMLESS_PARTICIPLES})\\b)(${PARTICIPLE})\\b`,
    'i',
  ),
  /\b(?:you(?:'ll|’ll|\s+(?:will|shall|are going to)))\s+(?:\w+ly\s+)?(receive|get|hear)\b/i,
  /\b(?:will|shall)\s+(arrive|come|reach|appear|happen|expire|cost|take|start|end)\b/i,
];

/** "Once your order has been shipped, …" claims nothing: the clause of a condition is taken out, up to its comma or the end. */
const CONDITION = /\b(?:if|when|once|until|unless|whether|after|before|while|as soon as|in case|as long as)\b[^,;:.!?]*/gi;

export const isGuarantee = (sentence: string): boolean => GUARANTEE.test(sentence);

/** What a sentence binds the shop to, if anything. The reading is wide on purpose: a wrong alarm costs a person's glance, a missed one a broken promise. */
export function readPromises(sentence: string): FoundPromise[] {
  const found: FoundPromise[] = [];
  if (SECRET.test(sentence) && !ABOUT_CHOOSING_ONE.test(sentence)) found.push({ kind: 'SECRET_REQUEST', verb: '' });
  if (isGuarantee(sentence)) found.push({ kind: 'GUARANTEE', verb: '' });
  const main = sentence.replace(CONDITION, ' ');
  for (const pattern of DONE) {
    const verb = pattern.exec(main)?.[1];
    if (verb !== undefined) found.push({ kind: 'DONE', verb: verb.toLowerCase() });
  }
  for (const pattern of FUTURE) {
    const verb = pattern.exec(main)?.[1];
    if (verb !== undefined) found.push({ kind: 'FUTURE', verb: verb.toLowerCase() });
  }
  return found;
}
