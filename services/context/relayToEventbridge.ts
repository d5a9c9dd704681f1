import { setTimeout as wait } from 'node:timers/promises';
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import pMap from 'p-map';
import { awsClient, requireRegion } from './aws.js';
import { backoffMs, envelope, type OutboxEvent, type Refusal, type Sink, sendOrFindRefused } from './relaySink.js';

/** The service's own limits on a request. */
const MOST_ENTRIES = 10;
const MOST_BYTES = 256 * 1024;
const REQUESTS_AT_ONCE = 8;
/** How often an entry is sent that the bus was too busy to take. */
const ATTEMPTS = 6;
const BUSY_MS = 50;
/** What the service says of an entry that it would never take. Source: EventBridge API reference, PutEventsResultEntry. */
const REFUSALS: ReadonlySet<string> = new Set(['InvalidArgument', 'MalformedDetail', 'RedactionFailure', 'ValidationException']);

/** A domain event for each event; the envelope with its id is the detail. @throws StartError */
export async function openEventbridgeSink({ bus, endpoint }: { bus: string; endpoint: string | undefined }): Promise<Sink> {
  const client = new EventBridgeClient(awsClient(endpoint));
  await requireRegion(client);

  /** Sends what the bus was too busy for again. */
  const put = async (events: readonly OutboxEvent[], signal: AbortSignal): Promise<Refusal[]> => {
    const refused: Refusal[] = [];
    let left = events;
    for (let attempt = 1; ; attempt += 1) {
      const { Entries = [] } = await client.send(new PutEventsCommand({ Entries: left.map((event) => entryOf(bus, event)) }), {
        abortSignal: signal,
      });
      const failed = left.flatMap((event, i) => {
        const { ErrorCode: code, ErrorMessage: message } = Entries[i] ?? { ErrorCode: 'NoAnswer' };
        return code ? [{ event, code, error: `${code}: ${message}` }] : [];
      });
      refused.push(...failed.filter(({ code }) => REFUSALS.has(code)));
      const again = failed.filter(({ code }) => !REFUSALS.has(code));
      if (again.length === 0) return refused;
      if (attempt === ATTEMPTS) throw new Error(`EventBridge did not take ${again.length} entries (${again[0]?.error}).`);
      left = again.map(({ event }) => event);
      await wait(backoffMs(attempt, Math.random(), BUSY_MS), undefined, { signal });
    }
  };

  return {
    name: 'eventbridge',
    batchSize: 1000,
    deliver: async (events, signal) => {
      const refused = await pMap(requestsOf(bus, events), (group) => sendOrFindRefused(group, (some) => put(some, signal), isRefusal), {
        concurrency: REQUESTS_AT_ONCE,
      });
      return refused.flat();
    },
    close: () => client.destroy(),
  };
}

const entryOf = (bus: string, event: OutboxEvent): PutEventsRequestEntry => ({
  EventBusName: bus,
  Source: 'replymesh',
  DetailType: event.type,
  Time: event.createdAt,
  Detail: JSON.stringify(envelope(event)),
});

/** The service counts 14 bytes for the time, and the texts. */
const bytesOf = ({ Source = '', DetailType = '', Detail = '' }: PutEventsRequestEntry): number =>
  14 + Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);

/** One that is too large goes alone, and the service refuses it. */
function requestsOf(bus: string, events: readonly OutboxEvent[]): OutboxEvent[][] {
  const requests: OutboxEvent[][] = [];
  let bytes = 0;
  for (const event of events) {
    const size = bytesOf(entryOf(bus, event));
    const last = requests.at(-1);
    if (last && last.length < MOST_ENTRIES && bytes + size <= MOST_BYTES) {
      last.push(event);
      bytes += size;
    } else {
      requests.push([event]);
      bytes = size;
    }
  }
  return requests;
}

/** The service says so of a request that is too large. */
const isRefusal = (error: unknown): error is Error => error instanceof Error && error.name === 'ValidationException';
