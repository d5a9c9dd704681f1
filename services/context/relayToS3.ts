import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { awsClient, requireRegion } from './aws.js';
import { envelope, type OutboxEvent, type Sink } from './relaySink.js';

const REQUESTS_AT_ONCE = 8;
/** User metadata of an object: the id of the last event in it. */
const LAST = 'last-event';
const compress = promisify(gzip);

interface Options {
  readonly bucket: string;
  readonly endpoint: string | undefined;
  /** Longest wait for more events before an object is written, milliseconds. */
  readonly flushMs: number;
}

/**
 * Objects of gzipped lines of JSON, one for each tenant and day of a batch, that are written once and never again. An object is named by its first event
 * alone: a batch that comes again, perhaps longer than before, finds the object of the first time, and only what is not in it is written. @throws StartError
 */
export async function openS3Sink({ bucket, endpoint, flushMs }: Options): Promise<Sink> {
  // A server of one's own seldom has a name for each bucket.
  const client = new S3Client({ ...awsClient(endpoint), forcePathStyle: endpoint !== undefined });
  await requireRegion(client);

  const put = async (events: readonly OutboxEvent[], abortSignal: AbortSignal): Promise<void> => {
    const [first, last] = [events[0], events.at(-1)];
    if (!first || !last) return;
    const at = { Bucket: bucket, Key: keyOf(first) };
    const body = await compress(events.map((event) => `${JSON.stringify(envelope(event))}\n`).join(''));
    try {
      await client.send(
        new PutObjectCommand({ ...at, Body: body, ContentType: 'application/gzip', Metadata: { [LAST]: last.id }, IfNoneMatch: '*' }),
        { abortSignal },
      );
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'PreconditionFailed') throw error;
      const { Metadata } = await client.send(new HeadObjectCommand(at), { abortSignal });
      const known = events.findIndex((event) => event.id === Metadata?.[LAST]);
      // An object that ends with none of these holds them all: it began with the same event and went on further.
      if (known !== -1) await put(events.slice(known + 1), abortSignal);
    }
  };

  return {
    name: 's3',
    batchSize: 5000,
    due: (events) => ({ count: events.length, at: new Date((events[0]?.createdAt.getTime() ?? 0) + flushMs) }),
    deliver: async (events, signal) => {
      await pMap(groupsOf(events), (group) => put(group, signal), { concurrency: REQUESTS_AT_ONCE });
      return [];
    },
    close: () => client.destroy(),
  };
}

const folderOf = ({ tenant, createdAt }: OutboxEvent): string =>
  `events/tenant=${encodeURIComponent(tenant)}/date=${createdAt.toISOString().slice(0, 10)}`;
const keyOf = (first: OutboxEvent): string => `${folderOf(first)}/${first.id.replaceAll('/', '_')}.ndjson.gz`;

/** By tenant and day, each in the order in which they came. */
function groupsOf(events: readonly OutboxEvent[]): OutboxEvent[][] {
  const groups = new Map<string, OutboxEvent[]>();
  for (const event of events) {
    const folder = folderOf(event);
    const group = groups.get(folder);
    if (group) group.push(event);
    else groups.set(folder, [event]);
  }
  return [...groups.values()];
}
