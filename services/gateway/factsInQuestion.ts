import type { CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import type { Masked } from './mask.js';

/** Placeholders of numbers that say which order, invoice or other matter a message is about. */
const OF_A_MATTER = /^\{\{(?:ORDER|INVOICE|ACCOUNT|REFERENCE|NUMBER)_\d+\}\}$/;

/**
 * The profile with the facts that a reply may be filled from: none where the message names a number that no fact has,
 * for they are of another order or invoice, and the reply would be about that one.
 */
export function withFactsInQuestion(profile: CustomerProfile, { originals }: Masked): CustomerProfile {
  const named = [...originals].flatMap(([placeholder, number]) => (OF_A_MATTER.test(placeholder) ? [number] : []));
  const isKnown = (number: string): boolean => profile.facts.some(({ value }) => isSame(number, value));
  return named.every(isKnown) ? profile : { ...profile, facts: [] };
}

const bare = (number: string): string => number.replace(/[^\p{L}\p{N}]/gu, '').toUpperCase();

/** However it is written, and also without the letters before it: 10482 is NW-10482, but INV-10482 is not. */
function isSame(number: string, value: string): boolean {
  const [one, other] = [bare(number), bare(value)];
  return one === other || (/^\d+$/.test(one) && other.replace(/^\p{L}+/u, '') === one);
}
