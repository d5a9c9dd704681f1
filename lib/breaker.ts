import { ClientError, type ClientMiddleware, Status } from 'nice-grpc';
import CircuitBreaker from 'opossum';
import { Counter, Gauge } from 'prom-client';
import { log } from './log.js';
import { registry } from './metrics.js';

const state = new Gauge({
  name: 'circuit_breaker_open',
  help: '1 while the breaker of a callee and method refuses calls, 0.5 while it lets one through to try.',
  labelNames: ['callee', 'method'],
  registers: [registry],
});
const refused = new Counter({
  name: 'circuit_breaker_refused_total',
  help: 'Calls that a breaker refused.',
  labelNames: ['callee', 'method'],
  registers: [registry],
});

/** Only what says that the callee is in trouble counts; a caller's mistake or its own cancellation does not. */
const COUNTED: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.INTERNAL,
  Status.UNKNOWN,
]);
const isHarmless = (error: unknown): boolean => !(error instanceof ClientError) || !COUNTED.has(error.code);

type Work = () => Promise<unknown>;

/** opossum's timeout does not cancel work, so that it is off: the gRPC deadline rules. Opens at half of ≥ 10 calls in 5 s, tries again after 1 s. */
export function newBreaker(name: string, isHarmlessError: (error: unknown) => boolean): CircuitBreaker<[Work], unknown> {
  return new CircuitBreaker((work: Work) => work(), {
    name,
    timeout: false,
    errorThresholdPercentage: 50,
    volumeThreshold: 10,
    rollingCountTimeout: 5000,
    rollingCountBuckets: 10,
    resetTimeout: 1000,
    errorFilter: isHarmlessError,
  });
}

/** Whether opossum refused the work because the breaker is open. */
export const isRefused = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === 'EOPENBREAKER';

/** One breaker for each method of a callee, for the life of the process. A stream counts by its first message. */
export function breakerMiddleware(callee: string): ClientMiddleware {
  const breakers = new Map<string, CircuitBreaker<[Work], unknown>>();
  const breakerOf = (path: string) => {
    const known = breakers.get(path);
    if (known) return known;
    const made = newBreaker(`${callee}${path}`, isHarmless);
    const labels = { callee, method: path };
    let isAway = false;
    made.on('open', () => {
      state.set(labels, 1);
      // It opens anew after each try that fails.
      if (!isAway) log.warn(labels, 'the breaker is open: half of the calls failed');
      isAway = true;
    });
    made.on('halfOpen', () => state.set(labels, 0.5));
    made.on('close', () => {
      state.set(labels, 0);
      isAway = false;
      log.info(labels, 'the breaker is closed again');
    });
    made.on('reject', () => refused.inc(labels));
    breakers.set(path, made);
    return made;
  };
  return async function* (call, options) {
    const iterator = call.next(call.request, options);
    try {
      const first = (await breakerOf(call.method.path).fire(() => iterator.next())) as IteratorResult<never, never>;
      if (first.done) return first.value;
      yield first.value;
      return yield* iterator;
    } catch (error) {
      if (isRefused(error)) throw new ClientError(call.method.path, Status.UNAVAILABLE, `The breaker for ${callee} is open.`);
      throw error;
    } finally {
      // A reader that leaves after the first message ends the call at the callee too.
      await iterator.return(undefined as never).catch(() => {});
    }
  };
}
