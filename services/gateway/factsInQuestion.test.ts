import { describe, expect, it } from 'vitest';
import { CustomerProfile, FactType } from '../../gen/replymesh/type/v1/customer.js';
import { withFactsInQuestion } from './factsInQuestion.js';
import { mask } from './mask.js';

const profile = CustomerProfile.fromPartial({
  id: 'c-1',
  displayName: 'Ada',
  facts: [
    { key: 'order.number', value: 'NW-10482', type: FactType.NUMBER },
    { key: 'order.status', value: 'Shipped', type: FactType.STATUS },
    { key: 'invoice.number', value: 'INV-20931', type: FactType.TEXT },
  ],
});
const factsFor = (text: string): number => withFactsInQuestion(profile, mask(text)).facts.length;

describe('facts of the matter that a message is about', () => {
  it.each([
    'Where is my order?',
    'Where is my order NW-10482?',
    'Where is order no. nw 10482?',
    'Where is order #10482?',
    'I ordered on 2026-11-20 and pay with 5555 5555 5555 4444, mail me at ada@x.example or call +1 206 555 0123',
    'Send invoice INV-20931 of order 10482 once more',
  ])('are all that are known: %s', (text) => {
    expect(factsFor(text)).toBe(3);
  });

  it.each([
    'Where is my order 555123?',
    'Where is my order NW-10483?',
    'Where are orders 10482 and 10483?',
    'Send me the invoice INV-10482',
    'Where is NW-99999?',
    'Where is my parcel, tracking 55820173940?',
  ])('are none where its number is not among them: %s', (text) => {
    expect(factsFor(text)).toBe(0);
  });

  it('leave the rest of the profile as it is', () => {
    expect(withFactsInQuestion(profile, mask('Where is order 555123?'))).toEqual({ ...profile, facts: [] });
  });
});
