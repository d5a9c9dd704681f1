import { setTimeout as wait } from 'node:timers/promises';
import type { Timings } from '../gen/replymesh/type/v1/decision.js';

/** What one call gave. */
export interface Answered {
  /** Whether a lesser answer stood in somewhere: such an answer is quick for the wrong reason. */
  readonly degraded: boolean;
  readonly timings?: Timings | undefined;
  readonly tokens?: number | undefined;
}
/** Makes the call with the n-th message. Rejects when there was no answer. */
export type Send = (n: number) => Promise<Answered>;

/** What a run gave. */
export interface Measured {
  readonly seconds: number;
  readonly answered: number;
  readonly degraded: number;
  /** Calls without an answer, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** Of every answer, milliseconds. */
  readonly latenciesMs: Float64Array;
  /** Sums over the answers that tell, microseconds. */
  readonly timingsUs: Readonly<Record<keyof Timings, number>>;
  readonly timed: number;
  /** Sum over the answers that tell. */
  readonly tokens: number;
}

/** Each caller sends its next message when it has the answer to the one before. `first` numbers the messages. */
export async function closedLoop(send: Send, load: { callers: number; seconds: number; first: number }): Promise<Measured> {
  const tally = startTally();
  const started = performance.now();
  const until = started + load.seconds * 1000;
  let next = load.first;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) await tally.note(performance.now(), send(next++));
  };
  await Promise.all(Array.from({ length: load.callers }, caller));
  return tally.read((performance.now() - started) / 1000);
}

/** Most calls that an open loop leaves unanswered at a time; a mesh that far behind does not hold the rate. */
const MAX_IN_FLIGHT = 2000;

/**
 * Messages arrive at a fixed rate, whether or not the ones before are answered. Latencies count from the moment a message
 * was due, so that a stall is charged to everything that had to wait for it (no coordinated omission).
 */
export async function openLoop(send: Send, load: { ratePerSecond: number; seconds: number; first: number }): Promise<Measured> {
  const tally = startTally();
  const started = performance.now();
  const total = Math.floor(load.ratePerSecond * load.seconds);
  const inFlight = new Set<Promise<void>>();
  for (let sent = 0; sent < total; await wait(1)) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * load.ratePerSecond) + 1);
    for (; sent < due; sent += 1) {
      const dueAt = started + (sent / load.ratePerSecond) * 1000;
      const call = inFlight.size < MAX_IN_FLIGHT ? send(load.first + sent) : Promise.reject(new Error('too many unanswered'));
      const noted = tally.note(dueAt, call).finally(() => inFlight.delete(noted));
      inFlight.add(noted);
    }
  }
  await Promise.all(inFlight);
  return tally.read((performance.now() - started) / 1000);
}

interface Tally {
  note(dueAtMs: number, call: Promise<Answered>): Promise<void>;
  read(seconds: number): Measured;
}

function startTally(): Tally {
  const latencies: number[] = [];
  const failed: Record<string, number> = {};
  const timingsUs = { totalUs: 0, contextUs: 0, inferenceUs: 0, searchUs: 0, generationUs: 0, recordUs: 0 };
  let degraded = 0;
  let timed = 0;
  let tokens = 0;
  const take = (dueAtMs: number, answer: Answered): void => {
    latencies.push(performance.now() - dueAtMs);
    if (answer.degraded) degraded += 1;
    tokens += answer.tokens ?? 0;
    if (!answer.timings) return;
    timed += 1;
    for (const stage of Object.keys(timingsUs) as (keyof Timings)[]) timingsUs[stage] += answer.timings[stage];
  };
  return {
    note: (dueAtMs, call) =>
      call.then(
        (answer) => take(dueAtMs, answer),
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          failed[reason] = (failed[reason] ?? 0) + 1;
        },
      ),
    read: (seconds) => ({
      seconds,
      answered: latencies.length,
      degraded,
      failed,
      latenciesMs: Float64Array.from(latencies),
      timingsUs,
      timed,
      tokens,
    }),
  };
}
