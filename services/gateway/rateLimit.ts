import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Principal } from '../../lib/call.js';
import { retryAfter } from '../../lib/errors.js';
import { fail } from '../errors.js';

/** Takes one from the caller's allowance, or throws RATE_LIMITED with RetryInfo. */
export type TakeAllowance = (principal: Principal) => Promise<void>;

/** A fixed window of one second for each caller (tenant and subject), in this process. */
export function callerLimit(perSecond: number): TakeAllowance {
  const limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  return async ({ tenant, subject }) => {
    await limiter.consume(`${tenant} ${subject}`).catch((refused: unknown) => {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      fail('RATE_LIMITED', { limit: perSecond }, [retryAfter(refused.msBeforeNext)]);
    });
  };
}
