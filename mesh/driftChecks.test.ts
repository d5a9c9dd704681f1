import { describe, expect, it } from 'vitest';
import { commandsOf } from './driftChecks.js';

describe('a check of drift', () => {
  const check = ['drift', 'check', '--window', '1440m'];

  it('looks back as far as to the one before', () => expect(commandsOf({ everyMinutes: 1440, promote: false })).toEqual([check]));

  it('lets the challenger be promoted first, whose place another may take', () =>
    expect(commandsOf({ everyMinutes: 1440, promote: true })).toEqual([
      ['models', 'promote', 'challenger', '--if-better', '--alpha', '0.01'],
      check,
    ]));
});
