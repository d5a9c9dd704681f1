import { afterEach, describe, expect, it, vi } from 'vitest';
import { type LlmBreaker, newLlmBreaker } from './llmBreaker.js';
import { LlmFailure } from './llmFailure.js';

const breakers: LlmBreaker[] = [];
afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.close();
});
const open = (resetMs: number): LlmBreaker => {
  const breaker = newLlmBreaker(resetMs);
  breakers.push(breaker);
  return breaker;
};
const CUT = new LlmFailure('CUT', true);
const LEFT = new LlmFailure('CANCELLED', false);
const refuses = (breaker: LlmBreaker): void => expect(() => breaker.admit()).toThrow(/BREAKER_OPEN/);

/** Every promise that has settled has told so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function trip(breaker: LlmBreaker): Promise<void> {
  for (let call = 0; call < 5; call += 1) breaker.admit().failed(CUT);
  await settled();
  refuses(breaker);
}

describe('the breaker of the language model', () => {
  it('stays closed while fewer than five calls failed', async () => {
    const breaker = open(60_000);
    for (let call = 0; call < 4; call += 1) breaker.admit().failed(CUT);
    await settled();
    breaker.admit().succeeded();
  });

  it('lets one call through after the reset time, and closes when that succeeds', async () => {
    const breaker = open(20);
    await trip(breaker);
    const trial = await vi.waitFor(() => breaker.admit());
    refuses(breaker);
    trial.succeeded();
    await vi.waitFor(() => breaker.admit().succeeded());
    breaker.admit().succeeded();
    breaker.admit().succeeded();
  });

  it('opens again when the trial fails', async () => {
    const breaker = open(20);
    await trip(breaker);
    const trial = await vi.waitFor(() => breaker.admit());
    trial.failed(CUT);
    await settled();
    refuses(breaker);
  });

  it('does not close on a trial whose caller left, since that told nothing', async () => {
    const breaker = open(200);
    await trip(breaker);
    const trial = await vi.waitFor(() => breaker.admit());
    trial.failed(LEFT);
    await settled();
    refuses(breaker);
    await vi.waitFor(() => breaker.admit().succeeded());
  });
});
