import CircuitBreaker from 'opossum';
import { LlmFailure } from './llmFailure.js';
import { modelBreakerOpen } from './metrics.js';

type Work = () => Promise<void>;

/** One call that the breaker has let through; told once how it went. */
export interface Admission {
  succeeded(): void;
  failed(failure: LlmFailure): void;
}

export interface LlmBreaker {
  /** @throws LlmFailure BREAKER_OPEN */
  admit(): Admission;
  close(): void;
}

/**
 * The breaker around a stream, which opossum knows as one promise that settles at the stream's end.
 * Its timeout does not cancel work, so that it is off. Language models are slow and called seldom: half of ≥ 5 calls in 30 s open it.
 * @param resetMs time after which one call may try again
 */
export function newLlmBreaker(resetMs: number): LlmBreaker {
  const breaker = new CircuitBreaker<[Work], void>((work) => work(), {
    name: 'language_model',
    timeout: false,
    volumeThreshold: 5,
    errorThresholdPercentage: 50,
    rollingCountTimeout: 30_000,
    rollingCountBuckets: 10,
    resetTimeout: resetMs,
    errorFilter: (error: unknown) => !(error instanceof LlmFailure && error.counts),
  });
  breaker.on('open', () => modelBreakerOpen.set(1));
  breaker.on('halfOpen', () => modelBreakerOpen.set(0.5));
  breaker.on('close', () => modelBreakerOpen.set(0));
  return {
    admit: () => {
      const trying = breaker.halfOpen;
      let admission: Admission | undefined;
      const settled = breaker
        .fire(
          () =>
            new Promise<void>((resolve, reject) => {
              admission = {
                succeeded: resolve,
                failed: (failure) => {
                  reject(failure);
                  // opossum takes an error that does not count for a success and would close on a trial that told nothing.
                  if (trying && !failure.counts) void settled.then(() => breaker.open());
                },
              };
            }),
        )
        .catch(() => undefined);
      // opossum calls the work before `fire` returns, or not at all.
      if (admission === undefined) throw new LlmFailure('BREAKER_OPEN', false);
      return admission;
    },
    close: () => breaker.shutdown(),
  };
}
