import { describe, expect, it } from 'vitest';
import { lostLabels, mergedRows } from './retrainingRows.js';

const row = (text: string, label: string) => ({ text, label });

describe('the rows of a retraining', () => {
  it('are the own ones and what people said, whose word stands where both have a text', () => {
    const own = [row('Where is my order?', 'order'), row('my order', 'order'), row('refund me', 'refund')];
    const people = [row('where  is my ORDER?', 'refund'), row('Refund me', 'refund')];
    expect(mergedRows(own, people)).toEqual({ rows: [own[1], ...people], overruled: 1 });
    expect(mergedRows([], people)).toEqual({ rows: people, overruled: 0 });
  });

  it('lose a label of which they have fewer than two texts, the same text again not counted', () => {
    const rows = [row('a', 'x'), row('b', 'x'), row('c', 'y'), row('C ', 'y'), row('d', 'new'), row('e', 'out_of_scope')];
    expect(lostLabels(['x'], rows)).toBeUndefined();
    expect(lostLabels(['x', 'y', 'z'], rows)).toBe('2 of 3: y (1), z (0)');
    const many = Array.from({ length: 12 }, (_, i) => `label_${i}`);
    expect(lostLabels(many, [])).toContain('12 of 12: label_0 (0), ');
    expect(lostLabels(many, [])?.endsWith('label_9 (0), …')).toBe(true);
  });
});
