import { expect, it } from 'vitest';
import { shutdownLimitMs } from './shutdown.js';

it('the end of a process is given all the time that its parts were promised', () => {
  const close = async () => {};
  expect(shutdownLimitMs([{ close, closeMs: 60_000 }, { close }])).toBeGreaterThan(60_000);
  expect(shutdownLimitMs([{ close, closeMs: 0 }, { close }])).toBeLessThan(15_000);
});
