import { LlmFailure } from './llmFailure.js';

/** A deadline that passes counts against the endpoint only when it was silent for so long, so that hasty callers cannot open the breaker. Milliseconds. */
const FAIR_SILENCE_MS = 1000;

/** What ends one call of the language model from our side. */
export interface LlmClock {
  /** Aborted when the call is to end. */
  readonly signal: AbortSignal;
  /** Why it was aborted, if it was. */
  failure(): LlmFailure | undefined;
  /** The silence starts to count. */
  wait(): void;
  /** Something came, or nobody listens: the silence does not count. */
  heard(): void;
  stop(): void;
}

/** The three limits of one call: silence, total time (the caller's deadline less what approved wording needs, if shorter), and the caller who leaves. */
export function startClock(limits: { idleMs: number; totalMs: number; deadlineMs: number }, caller: AbortSignal): LlmClock {
  const controller = new AbortController();
  let failure: LlmFailure | undefined;
  let idle: NodeJS.Timeout | undefined;
  let silentSince = performance.now();
  const end = (why: LlmFailure): void => {
    failure ??= why;
    controller.abort();
  };
  const cancel = () => end(new LlmFailure('CANCELLED', false));
  const late = () =>
    end(new LlmFailure('TOO_SLOW', limits.totalMs <= limits.deadlineMs || performance.now() - silentSince >= FAIR_SILENCE_MS));
  const total = setTimeout(late, Math.max(0, Math.min(limits.totalMs, limits.deadlineMs)));
  caller.addEventListener('abort', cancel);
  if (caller.aborted) cancel();
  return {
    signal: controller.signal,
    failure: () => failure,
    wait: () => {
      clearTimeout(idle);
      silentSince = performance.now();
      idle = setTimeout(() => end(new LlmFailure('SILENT', true)), limits.idleMs);
    },
    heard: () => clearTimeout(idle),
    stop: () => {
      clearTimeout(idle);
      clearTimeout(total);
      caller.removeEventListener('abort', cancel);
      controller.abort();
    },
  };
}
