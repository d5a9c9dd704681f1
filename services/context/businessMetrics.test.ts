import { describe, expect, it } from 'vitest';
import { escalationRates } from './businessMetrics.js';

describe('the escalation rate', () => {
  it('has a series for each frequent intent, one for all others, and one for messages that no model read', () => {
    const rows = Array.from({ length: 150 }, (_, i) => ({ intent: `intent-${i}`, queries: 1000 - i, escalated: i < 100 ? 10 : 0 }));
    const rates = escalationRates([{ intent: '', queries: 4, escalated: 4 }, ...rows]);
    expect(rates.size).toBe(101);
    expect([rates.get('none'), rates.get('intent-0')]).toEqual([1, 0.01]);
    expect(rates.get('other')).toBeLessThan(0.001);
    expect(rates.has('intent-120')).toBe(false);
  });

  it('is not told of an intent without messages', () => expect(escalationRates([{ intent: 'a', queries: 0, escalated: 0 }]).size).toBe(0));
});
