import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CustomerFact, type CustomerProfile, CustomerTier, FactType } from '../../gen/replymesh/type/v1/customer.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { openGate } from './gate.js';
import { splitSentences } from './sentences.js';
import { approvedReply } from './wording.js';
import { loadWording, parseWording } from './wordingFile.js';

const WORDING = parseWording({
  greeting: [
    { requires: ['customer.name'], text: 'Hello {{customer.name}},' },
    { requires: [], text: 'Hello,' },
  ],
  closing: 'Kind regards,\nThe shop',
  unknown: 'A colleague will answer you.',
  track_order: {
    templates: [
      {
        requires: ['order.number', 'order.due_on'],
        text: 'Order {{order.number}} is due on {{order.due_on}}. See Track.',
        sources: ['track-an-order', 'delivery-times'],
      },
      { requires: ['order.number'], text: 'Order {{order.number}} is known.', sources: ['track-an-order'] },
      { requires: [], text: 'See Track.', sources: ['track-an-order'] },
    ],
  },
  suggested_actions: { track_order: [{ action: 'order.track', label: 'Track the order' }] },
});
const fact = (key: string, value: string, type = FactType.TEXT): CustomerFact => ({ key, value, type });
const customer = (facts: CustomerFact[], displayName = 'Ada'): CustomerProfile => ({
  id: 'c',
  displayName,
  tier: CustomerTier.PLUS,
  language: 'en',
  facts,
});
const passage = (articleId: string): Passage => ({
  id: `${articleId}#1`,
  articleId,
  title: `About ${articleId}`,
  text: 'x',
  score: 1,
  textSha256: '',
});
const ask = (facts: CustomerFact[], more: Partial<Parameters<typeof approvedReply>[1]> = {}) =>
  approvedReply(WORDING, { intent: 'track_order', action: Action.AUTO, customer: customer(facts), passages: [], ...more });
const NUMBER = fact('order.number', 'NW-1', FactType.NUMBER);
const DUE = fact('order.due_on', '2026-11-24', FactType.DATE);

describe('approved wording', () => {
  it('takes the first template whose facts are all known, and spells dates so that nobody misreads them', () => {
    expect(ask([NUMBER, DUE]).sentences).toEqual([
      'Hello Ada,\n\n',
      'Order NW-1 is due on 24 November 2026. ',
      'See Track.\n\nKind regards,\nThe shop',
    ]);
    expect(ask([NUMBER]).sentences[1]).toContain('Order NW-1 is known.');
    expect(ask([DUE]).sentences[1]).toContain('See Track.');
  });

  it('never leaves a placeholder open or an empty value in the reply, whatever is known', () => {
    const known = fc.subarray([NUMBER, DUE, fact('order.number', ' '), fact('order.due_on', ''), fact('order.other', '{{order.number}}')]);
    fc.assert(
      fc.property(known, fc.constantFrom('', ' ', 'Ada'), (facts, name) => {
        const text = approvedReply(WORDING, {
          intent: 'track_order',
          action: Action.AUTO,
          customer: customer(facts, name),
          passages: [],
        }).sentences.join('');
        expect(text).not.toMatch(/\{\{|\}\}|Hello ,|Order\s+is|on \./);
      }),
    );
  });

  it('does not read a placeholder out of a value', () => {
    expect(ask([fact('order.number', '{{order.due_on}} $& $1'), DUE]).sentences[1]).toBe(
      'Order {{order.due_on}} $& $1 is due on 24 November 2026. ',
    );
  });

  it('greets without a name when there is none', () => {
    expect(ask([], { customer: undefined }).sentences[0]).toBe('Hello,\n\n');
  });

  it('cites the articles of its template, each by its best passage, in the order of the template', () => {
    const passages = [passage('other'), passage('delivery-times'), passage('track-an-order'), passage('delivery-times')];
    expect(ask([NUMBER, DUE], { passages }).citations).toEqual([
      { articleId: 'track-an-order', passageId: 'track-an-order#1', title: 'About track-an-order' },
      { articleId: 'delivery-times', passageId: 'delivery-times#1', title: 'About delivery-times' },
    ]);
  });

  it('cites no article that was not found, however its template names it', () => {
    const ids = fc.uniqueArray(fc.constantFrom('track-an-order', 'delivery-times', 'other', 'track'));
    fc.assert(
      fc.property(ids, fc.subarray([NUMBER, DUE]), (found, facts) => {
        for (const { articleId } of ask(facts, { passages: found.map(passage) }).citations) expect(found).toContain(articleId);
      }),
    );
    expect(ask([NUMBER, DUE], { passages: [] }).citations).toEqual([]);
  });

  it.each([
    ['an unknown intent', { intent: 'fly_to_the_moon' }],
    ['no intent', { intent: '' }],
    ['what a person will answer', { action: Action.ESCALATE }],
    ['a property of every object', { intent: 'constructor' }],
  ])('holds the customer with no source for %s', (_, more) => {
    const reply = ask([NUMBER], more);
    expect(reply.sentences.join('')).toBe('Hello Ada,\n\nA colleague will answer you.\n\nKind regards,\nThe shop');
    expect(reply.citations).toEqual([]);
  });
});

describe('the wording that ships', () => {
  const file = fileURLToPath(new URL('services/generator/wording/en.json', packageRoot));
  const articles = new URL('services/context/seed/articles/', packageRoot);
  const shipped = loadWording(file);

  /** An article's sections as passages, as they are cited. */
  function passagesOf(id: string): Passage[] {
    const [, head = '', body = ''] = readFileSync(new URL(`${id}.md`, articles), 'utf8').split(/^---$/m);
    const title = /^title: (.*)$/m.exec(head)?.[1] ?? '';
    return body
      .split(/^## /m)
      .slice(1)
      .map((section, index) => {
        const [heading = '', ...lines] = section.split('\n');
        return { id: `${id}#${index}`, articleId: id, title: `${title} · ${heading}`, text: lines.join('\n'), score: 1, textSha256: '' };
      });
  }

  it('cites only articles that are there and that a customer may read', () => {
    const ids = new Set(readdirSync(articles).map((name) => name.replace(/\.md$/, '')));
    for (const template of [...shipped.intents.values()].flat()) {
      for (const source of template.sources) {
        expect(ids).toContain(source);
        expect(readFileSync(new URL(`${source}.md`, articles), 'utf8')).toMatch(/^audience: PUBLIC$/m);
      }
    }
  });

  it('is something that the gate would let a language model say, but for one sentence in twenty-five', () => {
    const values: Record<string, string> = {
      'order.number': 'NW-10482',
      'order.status': 'Shipped',
      'order.delivery_due_on': '2026-11-24',
      'refund.amount': '49.90 USD',
      'invoice.total': '189.00 USD',
    };
    const withheld: string[] = [];
    let sentences = 0;
    for (const template of [...shipped.intents.values()].flat()) {
      const facts = template.requires.map((key) =>
        fact(key, values[key] ?? 'Premium', key.endsWith('.status') ? FactType.STATUS : FactType.TEXT),
      );
      const gate = openGate({ passages: template.sources.flatMap(passagesOf), facts, customerName: '', customerText: '' });
      const text = template.text.replace(/\{\{([^{}]*)\}\}/g, (_, key: string) => values[key] ?? 'Premium');
      for (const sentence of splitSentences(text)) {
        sentences += 1;
        if (!gate(sentence).supported) withheld.push(sentence);
      }
    }
    expect(sentences).toBeGreaterThan(100);
    expect(withheld.length / sentences, withheld.join('\n')).toBeLessThanOrEqual(0.04);
  });

  it('stands on articles of which the gate lets every sentence pass', () => {
    const passages = readdirSync(articles).flatMap((name) => passagesOf(name.replace(/\.md$/, '')));
    const gate = openGate({ passages, facts: [], customerName: '', customerText: '' });
    const sentences = passages.flatMap((one) => splitSentences(one.text)).filter((sentence) => sentence.trim() !== '');
    expect(sentences.filter((sentence) => !gate(sentence).supported)).toEqual([]);
  });
});
