import { type CustomerProfile, CustomerTier, FactType } from '../../gen/replymesh/type/v1/customer.js';
import type { ContentKey } from './contentKeys.js';

/** What is encrypted of a profile. */
interface ProfileTexts {
  readonly display_name: string;
  readonly facts: readonly { readonly key: string; readonly value: string; readonly type: string }[];
}

/** A profile as it is stored. */
export interface SealedProfile {
  readonly display_name: Uint8Array;
  readonly facts: Uint8Array;
  readonly tier: string;
  readonly language: string;
}

/** The columns of a customer that hold personal data, encrypted. */
export const sealProfile = (key: ContentKey, id: string, { display_name, facts }: ProfileTexts) => ({
  display_name: key.seal('customers.display_name', id, Buffer.from(display_name)),
  facts: key.seal('customers.facts', id, Buffer.from(JSON.stringify(facts))),
});

export function openProfile(key: ContentKey, id: string, sealed: SealedProfile): CustomerProfile {
  const facts = JSON.parse(key.open('customers.facts', id, sealed.facts).toString()) as ProfileTexts['facts'];
  return {
    id,
    displayName: key.open('customers.display_name', id, sealed.display_name).toString(),
    tier: CustomerTier[sealed.tier as keyof typeof CustomerTier],
    language: sealed.language,
    facts: facts.map(({ key: name, value, type }) => ({ key: name, value, type: FactType[type as keyof typeof FactType] })),
  };
}
