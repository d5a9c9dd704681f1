import { setTimeout as wait } from 'node:timers/promises';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { advance, type Cursor, type DeadLetter, readBatch, readCursor, readRevived, settleRevived } from './relayCursor.js';
import { relayDeadLetters, relayEvents, waitingSince } from './relayMetrics.js';
import { backoffMs, type OutboxEvent, type Sink } from './relaySink.js';
import type { Store } from './store.js';

interface Parts {
  readonly store: Store;
  readonly sink: Sink;
  readonly now: () => Date;
}

/** How soon a new event is seen. */
const POLL_MS = 1000;
/** How soon another instance takes over from one that ended. */
const CLAIM_MS = 5000;
/** Longest sleep while a batch fills up. */
const MOST_WAIT_MS = 10_000;
/** Longest wait for a sink when the process ends; the batch goes again after the next start. */
const CLOSE_MS = 5000;
/** How often an event is tried that the sink refuses for what it is: about 4 s in all, in which the others wait behind it. */
const ATTEMPTS = 4;

/**
 * Carries what happened to one sink, for as long as the process runs: each event at least once, in order, by one instance at a time.
 * A sink that is down delays; an event that it refuses becomes a dead letter, and the rest goes on.
 */
export function startRelay(parts: Parts): Closable {
  const stopping = new AbortController();
  const cutOff = new AbortController();
  const relaying = relay(parts, stopping.signal, cutOff.signal);
  return {
    closeMs: CLOSE_MS,
    close: async () => {
      stopping.abort();
      const timer = setTimeout(() => cutOff.abort(), CLOSE_MS);
      await relaying;
      clearTimeout(timer);
      parts.sink.close();
    },
  };
}

async function relay({ store, sink, now }: Parts, stopping: AbortSignal, cutOff: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stopping.aborted) {
    try {
      const claim = await store.claim(`relay ${sink.name}`);
      if (claim === undefined) {
        // Somebody else's to tell.
        waitingSince.delete(sink.name);
        await pause(CLAIM_MS, stopping);
        continue;
      }
      try {
        const turn = { store, sink, now, ended: AbortSignal.any([stopping, claim.lost]), cutOff: AbortSignal.any([cutOff, claim.lost]) };
        await carryOn(turn, () => (failures = 0));
      } finally {
        await claim.release();
      }
    } catch (error) {
      failures += 1;
      const waitMs = Math.round(backoffMs(failures, Math.random()));
      if (!stopping.aborted) log.warn({ error, sink: sink.name, failures, waitMs }, 'events could not be relayed: trying again');
      await pause(waitMs, stopping);
    }
  }
  waitingSince.delete(sink.name);
}

/** From one claim of the sink to its end. */
interface Turn extends Parts {
  /** No further batch. */
  readonly ended: AbortSignal;
  /** Not this batch either. */
  readonly cutOff: AbortSignal;
}

async function carryOn(turn: Turn, onWell: () => void): Promise<void> {
  const { store, sink, now, ended } = turn;
  let cursor = await readCursor(store, sink.name, now());
  while (!ended.aborted) {
    const events = await readBatch(store, cursor, sink.batchSize);
    waitingSince.set(sink.name, events[0]?.createdAt);
    const isFull = events.length === sink.batchSize;
    const { count, at } = events.length > 0 && sink.due ? sink.due(events) : { count: events.length, at: now() };
    const waitMs = isFull ? 0 : at.getTime() - now().getTime();
    const isDue = count > 0 && waitMs <= 0;
    if (isDue) cursor = await carry(turn, cursor, events.slice(0, count));
    onWell();
    if (isFull || (isDue && count < events.length)) continue;
    await revive(turn);
    await pause(Math.min(MOST_WAIT_MS, Math.max(POLL_MS, waitMs)), ended);
  }
}

async function carry(turn: Turn, from: Cursor, batch: readonly OutboxEvent[]): Promise<Cursor> {
  const { store, sink, now } = turn;
  const dead = await deliver(turn, batch);
  const { transactionId, position } = batch.at(-1) as OutboxEvent;
  const to = { transactionId, position };
  await advance(store, sink.name, { from, to }, dead, now());
  tell(sink, batch.length, dead);
  return to;
}

/** Tries dead letters again that an operator brought back. */
async function revive(turn: Turn): Promise<void> {
  const { store, sink, now } = turn;
  const revived = await readRevived(store, sink.name, sink.batchSize);
  if (revived.length === 0) return;
  const dead = await deliver(turn, revived);
  await settleRevived(store, sink.name, revived, dead, now());
  tell(sink, revived.length, dead);
}

/** @returns those that the sink refuses for good @throws when it is down */
async function deliver({ sink, ended, cutOff }: Turn, batch: readonly OutboxEvent[]): Promise<DeadLetter[]> {
  try {
    let refused = await sink.deliver(batch, cutOff);
    let attempts = 1;
    for (; refused.length > 0 && attempts < ATTEMPTS; attempts += 1) {
      await wait(backoffMs(attempts, Math.random()), undefined, { signal: ended });
      refused = await sink.deliver(
        refused.map(({ event }) => event),
        cutOff,
      );
    }
    return refused.map((refusal) => ({ ...refusal, attempts }));
  } catch (error) {
    relayEvents.inc({ sink: sink.name, result: 'failed' }, batch.length);
    throw error;
  }
}

function tell({ name }: Sink, tried: number, dead: readonly DeadLetter[]): void {
  relayEvents.inc({ sink: name, result: 'delivered' }, tried - dead.length);
  relayDeadLetters.inc({ sink: name }, dead.length);
  for (const { event, error, attempts } of dead)
    log.error(
      { sink: name, eventId: event.id, tenant: event.tenant, reason: error, attempts },
      'an event became a dead letter: see docs/how-to/relay-events.md',
    );
}

/** Ends early with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => wait(ms, undefined, { signal }).catch(() => {});
