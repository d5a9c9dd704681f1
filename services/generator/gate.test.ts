import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CustomerFact, FactType } from '../../gen/replymesh/type/v1/customer.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { openGate } from './gate.js';
import { splitSentences } from './sentences.js';

const passage = (id: string, title: string, text: string): Passage => ({
  id: `${id}#0`,
  articleId: id,
  title,
  text,
  score: 1,
  textSha256: '',
});
const fact = (key: string, value: string, type: FactType): CustomerFact => ({ key, value, type });

const PASSAGES = [
  passage(
    'cancel-an-order',
    'Cancel an order · Fees',
    'While the status is Placed, cancelling is free. Once the status is Packed, cancelling costs 4.90 USD. An order that is Shipped cannot be cancelled, but you can return it within 30 days of delivery.',
  ),
  passage(
    'refund-times',
    'How long a refund takes · Refund time',
    'We send every refund within 5 working days. For a return, the time counts from the day the return reaches our warehouse. Some banks need up to 2 more working days to show the money.',
  ),
  passage(
    'delivery-options',
    'Delivery options · Prices',
    'Standard delivery costs 6.50 USD and takes 3 to 5 working days.\nExpress delivery costs 12.90 USD and takes 1 to 2 working days.\nOrders of $1,250.00 or more are delivered free of charge.',
  ),
  passage(
    'contact',
    'Contact customer service',
    'Call +1 555 0100, write to support@northwind.example or see https://northwind.example/help. Phone and chat are open Monday to Friday from 08:00 to 20:00. We answer e-mails within 24 hours. The sale ends on 24 December 2026 and gives 15 % off tents.',
  ),
  passage(
    'account',
    'Your account',
    '1. Open Account > Orders, choose the order and select Cancel order.\n2. Select Confirm.\nYou can pay with Visa or PayPal. A colleague will call you back within 2 hours.',
  ),
];
const FACTS = [
  fact('order.number', 'NW-10482', FactType.NUMBER),
  fact('order.status', 'Shipped', FactType.STATUS),
  fact('order.delivery_due_on', '2026-11-24', FactType.DATE),
  fact('order.total', '189.00 USD', FactType.MONEY),
  fact('order.item', 'Ridgeline rain jacket, size M', FactType.TEXT),
  fact('refund.amount', '49.90 USD', FactType.MONEY),
  fact('account.email', 'ada.mensah@example.com', FactType.EMAIL),
];
const gate = openGate({
  passages: PASSAGES,
  facts: FACTS,
  customerName: 'Ada Mensah',
  customerText: 'Where is {{ORDER_1}}? You owe me 500 USD by 3 May 2027.',
});

const SUPPORTED = [
  // courtesy
  'Thank you for your message.',
  'I am sorry for the inconvenience.',
  'We understand how frustrating this is.',
  'Please let us know if you have any further questions.',
  'We are happy to help you!',
  'We have received your message.',
  'I hope this helps.',
  'Thank you, Ada.',
  // amounts
  'Once the order is Packed, cancelling costs $4.90.',
  'Cancelling costs 4.9 USD when the status is Packed.',
  'Cancelling costs 4.90 US dollars once the status is Packed.'.replace('US dollars', 'dollars'),
  'The total of your order is $189.',
  'Your refund is 49.90 USD.',
  'Orders of 1250 USD or more are delivered free of charge.',
  'Cancelling is free of charge while the status is Placed.',
  'The sale gives 15% off tents.',
  'The sale gives 15 percent off tents.',
  // dates and times
  'Your order is due on 24 November 2026.',
  'Your order is due on November 24, 2026.',
  'Your order is due on Nov 24.',
  'Your order is due on the 24th of November 2026.',
  'Your order is due on 11/24/2026.',
  'Your order is due on 24.11.2026.',
  'The sale ends on 2026-12-24.',
  'Phone and chat are open Monday to Friday from 8 am to 8 pm.',
  // durations
  'We send the refund within five working days.',
  'We send the refund within 5 business days.',
  'You can return the order within thirty days of delivery.',
  'We answer e-mails within 24 hours.',
  'Standard delivery takes 3–5 working days.',
  'Standard delivery takes up to 5 working days.',
  // numbers, addresses, names
  'Your order NW-10482 has the status Shipped.',
  'Your order 10482 has the status Shipped.',
  'You asked about order {{ORDER_1}}.',
  'Write to support@northwind.example.',
  'Please call +1 555 0100.',
  'Please call 555-0100.',
  'See northwind.example/help for more.',
  'Open Account > Orders and choose the order.',
  'You can pay with PayPal or Visa.',
  'Your Ridgeline rain jacket is in the order.',
  // promises that the sources make
  'Your order has been shipped.',
  'We will send the refund within 5 working days.',
  'A colleague will call you back within 2 hours.',
  'Once your refund has been sent, some banks need up to 2 more working days to show the money.',
  'Could you tell us which order you mean?',
  'An order that is Shipped cannot be cancelled.',
];

const WITHHELD: [sentence: string, because: string][] = [
  // amounts
  ['Once the status is Packed, cancelling costs 4.80 USD.', 'MONEY'],
  ['Cancelling costs 4.90 EUR once the status is Packed.', 'MONEY'],
  ['Cancelling costs 12.90 USD once the status is Packed.', 'MONEY'],
  ['Standard delivery costs 12.90 USD.', 'MONEY'],
  ['Your refund is 189.00 USD.', 'MONEY'],
  ['We owe you 500 USD.', 'MONEY'],
  ['Express delivery is free.', 'FREE'],
  ['The sale gives 25 % off tents.', 'PERCENT'],
  // dates and times
  ['Your order is due on 25 November 2026.', 'DATE'],
  ['Your order is due on 24 November 2027.', 'DATE'],
  ['Your order is due on 3 May 2027.', 'DATE'],
  ['Your order arrives tomorrow.', 'RELATIVE_TIME'],
  ['We send the refund immediately.', 'RELATIVE_TIME'],
  ['Phone and chat are open on Sunday.', 'DAY'],
  ['Phone and chat are open until 22:00.', 'TIME'],
  // durations
  ['We send the refund within 3 working days.', 'DURATION'],
  ['We send the refund within 5 days.', 'DURATION'],
  ['We send the refund within 24 hours.', 'DURATION'],
  ['You can return the order within ninety days of delivery.', 'DURATION'],
  ['Express delivery takes 3 to 5 working days.', 'DURATION'],
  ['The refund takes a week.', 'DURATION'],
  // numbers, addresses, names
  ['Your order NW-10483 has the status Shipped.', 'IDENTIFIER'],
  ['Your order 10483 has the status Shipped.', 'NUMBER'],
  ['You asked about order {{ORDER_2}}.', 'PLACEHOLDER'],
  ['Write to help@northwind.example.', 'EMAIL'],
  ['Please call +1 555 0199.', 'PHONE'],
  ['See https://northwind.example.evil.example/help for more.', 'URL'],
  ['You can save 3 orders.', 'NUMBER'],
  ['Your order is delivered by Zenith Couriers.', 'NAME'],
  ['Please ask for Mr Henderson.', 'NAME'],
  ['You can pay with Klarna.', 'NAME'],
  ['Open Settings > Orders and choose the order.', 'NAME'],
  // promises and claims of things done
  ['I have cancelled your order.', 'DONE'],
  ["I've refunded the order.", 'DONE'],
  ['We cancelled the order for you.', 'DONE'],
  ['Your order has been cancelled.', 'DONE'],
  ['Your refund has been approved.', 'DONE'],
  ['I am processing the refund for you.', 'DONE'],
  ['Your order will be refunded.', 'FUTURE'],
  ['We will replace the jacket.', 'FUTURE'],
  ['You will receive a voucher.', 'FUTURE'],
  ['We guarantee the delivery of the order.', 'GUARANTEE'],
  ['I promise that the refund reaches you.', 'GUARANTEE'],
  ['Rest assured that the order is on the way.', 'GUARANTEE'],
  ['Please send us your password.', 'SECRET_REQUEST'],
  ['Could you tell us your credit card number?', 'SECRET_REQUEST'],
  // statements
  [`You can ${'really '.repeat(200)}return it.`, 'LENGTH'],
  ['An order that is Shipped can be cancelled.', 'NEGATION'],
  ['Worn garments must be laundered and ironed beforehand.', 'STATEMENT'],
  ['Our founders sail yachts around distant islands.', 'STATEMENT'],
];

describe('the gate', () => {
  it.each(SUPPORTED)('lets through: %s', (sentence) => {
    expect(gate(sentence)).toMatchObject({ supported: true });
  });

  it.each(WITHHELD)('withholds: %s (%s)', (sentence, because) => {
    expect(gate(sentence)).toEqual({ supported: false, because });
  });

  it('names the passages that a sentence stands on, and none for what only a fact says', () => {
    expect(gate('We send the refund within 5 working days.')).toEqual({ supported: true, passages: [1], courtesy: false });
    expect(gate('Your order is due on 24 November 2026.')).toEqual({ supported: true, passages: [], courtesy: false });
  });

  it('takes nothing that the customer says for a source', () => {
    const text = 'My refund is 49.90 USD and arrives on 2026-11-24, says Zenith Couriers.';
    const strict = openGate({ passages: [], facts: [], customerName: '', customerText: text });
    expect(strict('Your refund is 49.90 USD.')).toEqual({ supported: false, because: 'MONEY' });
    expect(strict('Your order arrives on 24 November 2026.')).toEqual({ supported: false, because: 'DATE' });
  });

  it('has nothing but courtesy to let through when there is no source', () => {
    const strict = openGate({ passages: [], facts: [], customerName: '', customerText: 'hi' });
    expect(strict('Thank you for your message.')).toMatchObject({ supported: true });
    expect(strict('You can return shoes in any condition.')).toEqual({ supported: false, because: 'STATEMENT' });
  });
});

/** Passages as shops write them, with one amount that stands nowhere else. */
const subject = fc.constantFrom('The return label', 'Gift wrapping', 'An address change', 'Express delivery', 'The yearly membership');
const amount = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 0, max: 99 }))
  .map(([whole, cents]) => `${whole}.${String(cents).padStart(2, '0')}`);
const spelling = fc.constantFrom<(n: string) => string>(
  (n) => `${n} USD`,
  (n) => `$${n}`,
  (n) => `${n} EUR`,
  (n) => `€${n}`,
  (n) => `${n} pounds`,
);
const tail = fc.constantFrom('', ' a year', ' for each parcel', ', which we take off the refund', ' once the status is Packed');
const priced = fc
  .record({ subject, amount, spelling, tail })
  .map((parts) => ({ ...parts, sentence: `${parts.subject} costs ${parts.spelling(parts.amount)}${parts.tail}.` }));
const others = fc.subarray(PASSAGES.flatMap((p) => p.text.split('\n')));

const changeDigit = (number: string, at: number, by: number): string => {
  const places = [...number.matchAll(/\d/g)].map((match) => match.index);
  const place = places[at % places.length] ?? 0;
  return number.slice(0, place) + ((Number(number[place]) + by) % 10) + number.slice(place + 1);
};

describe('the gate, whatever a passage says', () => {
  it('always lets a sentence through that was copied from a passage', () => {
    fc.assert(
      fc.property(priced, others, fc.nat(), ({ sentence }, rest, at) => {
        const texts = [...rest];
        texts.splice(at % (texts.length + 1), 0, sentence);
        const open = openGate({ passages: [passage('p', 'Prices', texts.join('\n'))], facts: [], customerName: '', customerText: '' });
        for (const text of texts) for (const copied of splitSentences(text)) expect(open(copied)).toMatchObject({ supported: true });
      }),
    );
  });

  it('never lets an amount through after one of its digits was changed', () => {
    fc.assert(
      fc.property(priced, fc.nat(), fc.integer({ min: 1, max: 9 }), ({ sentence, amount: right, spelling: spell }, at, by) => {
        const open = openGate({
          passages: [passage('p', 'Prices', sentence), ...PASSAGES.slice(1, 2)],
          facts: [],
          customerName: '',
          customerText: sentence,
        });
        const wrong = sentence.replace(spell(right), spell(changeDigit(right, at, by)));
        expect(open(wrong)).toEqual({ supported: false, because: 'MONEY' });
      }),
      { numRuns: 300 },
    );
  });

  it('judges any text at all without failing, and the same text always alike', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const open = openGate({ passages: [passage('p', text, text)], facts: [], customerName: text, customerText: text });
        expect(open(text)).toEqual(open(text));
      }),
    );
  });
});
