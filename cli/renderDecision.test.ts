import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Action,
  Decision,
  DecisionReason,
  Degradation,
  PriorityCause,
  PriorityLevel,
  SentimentLabel,
} from '../gen/replymesh/type/v1/decision.js';
import { ACTION_WORDS, DEGRADATION_WORDS, REASON_WORDS } from './plainWords.js';
import { printable, renderDecision, wrapped } from './renderDecision.js';

const plain = { withReply: true, colour: false };
/** A decision whose every text is `text`. */
const saying = (text: string): Decision =>
  Decision.fromPartial({
    id: text,
    action: Action.DRAFT,
    reason: DecisionReason.OUT_OF_SCOPE,
    intents: [{ label: text, score: 0.75 }],
    predictionSet: { labels: [text], coverage: 0.95 },
    uncertainty: { predictiveEntropy: 1, mutualInformation: 0.5, samples: 30 },
    outOfScope: { isOutOfScope: true, score: 0.91 },
    sentiment: { label: SentimentLabel.NEGATIVE },
    priority: { level: PriorityLevel.HIGH, reasons: [{ cause: PriorityCause.NEGATIVE_SENTIMENT }] },
    degraded: [Degradation.CONTEXT_UNAVAILABLE],
    summary: text,
    suggestedActions: [{ label: text }],
    reply: { text, citations: [{ articleId: text, title: text }] },
    timings: { totalUs: 12_345 },
  });
const control = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

describe('a decision on a terminal', () => {
  it('tells action, reason, intents, doubt, tone, priority, what was missing and the reply', () => {
    const shown = renderDecision(saying('refund'), plain);
    for (const part of [
      'DRAFT  a person should look at the reply before it is sent:\n       it is about something that the models do not know (OUT_OF_SCOPE)\n',
      '75.0 %',
      '1.000 nats',
      'yes (0.91)',
      'negative',
      'high: negative sentiment',
      'missing        context did not answer: nothing is known of the customer\n',
    ])
      expect(shown).toContain(part);
    expect(shown).toContain('[refund] refund');
    expect(shown).toContain('12.3 ms');
  });

  it('is told in full even where a part of it is missing', () => {
    expect(renderDecision(Decision.fromPartial({ id: 'qry_1', action: Action.ESCALATE }), plain)).toMatch(
      /^ESCALATE {2}.*\n.*\n\nqry_1\n$/,
    );
  });

  it.each([
    ['action', Action, ACTION_WORDS],
    ['reason', DecisionReason, REASON_WORDS],
    ['degradation', Degradation, DEGRADATION_WORDS],
  ])('has plain words for every %s', (_, names, words) => {
    for (const name of Object.keys(names).filter((key) => !/^\d+$/.test(key))) expect(words).toHaveProperty(name);
  });

  it('stays within 80 columns, also with a value that it does not know', () => {
    const valuesOf = (names: object): number[] => Object.values(names).filter((value) => typeof value === 'number');
    for (const value of [...new Set([Action, DecisionReason, Degradation].flatMap(valuesOf)), 99]) {
      const shown = renderDecision(Decision.fromPartial({ id: 'qry_1', action: Action.ESCALATE, reason: value, degraded: [value] }), plain);
      for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  it('does not repeat a reply that was streamed', () => {
    const decision = Decision.fromPartial({ id: 'qry_1', reply: { text: 'Hello.' } });
    expect(renderDecision(decision, plain)).toContain('Hello.');
    expect(renderDecision(decision, { ...plain, withReply: false })).not.toContain('Hello.');
  });

  it('has colours only where they are wanted, and the same words with and without', () => {
    const coloured = renderDecision(saying('refund'), { withReply: true, colour: true });
    const esc = String.fromCharCode(27);
    expect(coloured).toContain(`${esc}[33mDRAFT${esc}[0m`);
    expect(coloured.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '')).toBe(renderDecision(saying('refund'), plain));
  });

  it('cannot steer the terminal, whatever a customer or a model wrote', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(fc.constantFrom('\u001b', '\u009b', '\r', '\u0007', '\u202e', '\n'), fc.string({ unit: 'binary', maxLength: 1 })),
        }),
        (text) => {
          expect(printable(text)).not.toMatch(control);
          expect(renderDecision(saying(text), plain)).not.toMatch(control);
        },
      ),
    );
  });
});

describe('text that is wrapped', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'é', 'ß', '.'), minLength: 1, maxLength: 12 });

  it('keeps every word, in its order and in its paragraph', () => {
    fc.assert(
      fc.property(fc.array(fc.array(word), { minLength: 1 }), fc.integer({ min: 1, max: 30 }), (paragraphs, width) => {
        const text = paragraphs.map((words) => words.join(' ')).join('\n');
        const lines = wrapped(text, width);
        expect(lines.join(' ').split(' ').filter(Boolean)).toEqual(paragraphs.flat());
        expect(lines.length).toBeGreaterThanOrEqual(paragraphs.length);
      }),
    );
  });

  it('is never wider than asked, but for a word that is wider itself', () => {
    fc.assert(
      fc.property(fc.array(word), fc.integer({ min: 1, max: 30 }), (words, width) => {
        for (const line of wrapped(words.join(' '), width)) expect(line.length <= width || !line.includes(' ')).toBe(true);
      }),
    );
  });
});
