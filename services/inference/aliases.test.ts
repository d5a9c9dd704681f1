import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Aliases, aliasesOf, challenged, MAX_HISTORY, parseAliases, promoted, rolledBack } from './aliases.js';

const digest = (n: number): string => n.toString(16).padStart(64, '0');
const start: Aliases = { champion: digest(0), history: [] };

type Step = { promote: number } | { challenge: number } | 'rollBack';
const steps = fc.array(fc.oneof(fc.record({ promote: fc.nat(5) }), fc.record({ challenge: fc.nat(5) }), fc.constant<Step>('rollBack')), {
  maxLength: 60,
});
const reached = (all: readonly Step[]): Aliases =>
  all.reduce<Aliases>((aliases, step) => {
    if (step === 'rollBack') return rolledBack(aliases) ?? aliases;
    return 'promote' in step ? promoted(aliases, digest(step.promote)) : challenged(aliases, digest(step.challenge));
  }, start);

describe('champions', () => {
  it('are those of a stack, whatever is promoted, challenged and rolled back', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const stack = [digest(0)];
        for (const step of all) {
          if (step === 'rollBack') {
            if (stack.length > 1) stack.pop();
          } else if ('promote' in step && stack.at(-1) !== digest(step.promote)) stack.push(digest(step.promote));
        }
        const { champion, history } = reached(all);
        expect([...history, champion]).toEqual(stack);
      }),
    );
  });

  it('are never the challenger by a promotion, and come back as they were written', () => {
    fc.assert(
      fc.property(steps, fc.nat(5), (all, n) => {
        const aliases = promoted(reached(all), digest(n));
        expect(aliasesOf(aliases, digest(n))[0]).toBe('champion');
        expect(parseAliases(JSON.stringify(aliases))).toEqual({ aliases });
      }),
    );
  });

  it('before the first one there is nothing to go back to', () => {
    expect(rolledBack(start)).toBeUndefined();
  });

  it('of long ago are forgotten', () => {
    const many = Array.from({ length: 3 * MAX_HISTORY }, (_, i): Step => ({ promote: i }));
    expect(reached(many).history).toHaveLength(MAX_HISTORY);
    expect(reached(many).history.at(-1)).toBe(digest(3 * MAX_HISTORY - 2));
  });

  it.each([
    ['', /not JSON/],
    ['{"champion":', /not JSON/],
    ['null', /"champion"/],
    ['[]', /"champion"/],
    ['{}', /"champion"/],
    ['{"champion":"../x"}', /"champion"/],
    [`{"champion":"${digest(1)}","history":["x"]}`, /"history"/],
    [`{"champion":"${digest(1)}","history":{}}`, /"history"/],
    [`{"champion":"${digest(1)}","challenger":1}`, /"challenger"/],
  ])('are not read from a file that holds %s, and what is wrong with it is told', (text, problem) => {
    expect(parseAliases(text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});
