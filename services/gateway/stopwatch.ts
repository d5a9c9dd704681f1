import type { Timings } from '../../gen/replymesh/type/v1/decision.js';

type Stage = Exclude<keyof Timings, 'totalUs'>;

/** Notes how long each stage of a query took, in microseconds. */
export interface Stopwatch {
  time<T>(stage: Stage, work: () => Promise<T>): Promise<T>;
  read(): Timings;
}

/** @param nowMs a monotonic clock, milliseconds */
export function startStopwatch(nowMs: () => number): Stopwatch {
  const started = nowMs();
  const stages: Record<Stage, number> = { contextUs: 0, inferenceUs: 0, searchUs: 0, generationUs: 0, recordUs: 0 };
  const sinceUs = (from: number): number => Math.round((nowMs() - from) * 1000);
  return {
    time: async (stage, work) => {
      const from = nowMs();
      try {
        return await work();
      } finally {
        stages[stage] += sinceUs(from);
      }
    },
    read: () => ({ ...stages, totalUs: sinceUs(started) }),
  };
}
