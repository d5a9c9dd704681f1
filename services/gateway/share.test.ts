import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { share } from './share.js';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());
const within = (leftMs: number) => ({
  principal: { tenant: 'demo', subject: 'test', scopes: new Set<string>() },
  deadline: new Date(1_000_000 + leftMs),
  signal: AbortSignal.abort(),
});
const leftMs = ({ deadline }: { deadline: Date }): number => deadline.getTime() - 1_000_000;

it.each([
  [10_000, 0.2, 2000],
  [100, 0.5, 50],
  [0, 0.5, 0],
  [-50, 0.5, 0],
])('of %i ms a share of %f is %i ms', (left, part, expected) => {
  expect(leftMs(share(within(left), part))).toBe(expected);
});
