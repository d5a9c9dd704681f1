import { setTimeout as wait } from 'node:timers/promises';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pMap from 'p-map';
import { awsClient, requireRegion } from './aws.js';
import { backoffMs, envelope, inGroupsOf, type OutboxEvent, type Refusal, type Sink, sendOrFindRefused } from './relaySink.js';

/** The service's own limit on a request. */
const MOST_ITEMS = 25;
const REQUESTS_AT_ONCE = 8;
/** How often a request is sent whose items the table was too busy to take; the SDK itself repeats what failed as a whole. */
const ATTEMPTS = 6;
const BUSY_MS = 50;
const KEY = { tenant: 'HASH', event_id: 'RANGE' };

/** An item for each event, keyed by tenant and event id, so that writing it again changes nothing. @throws StartError */
export async function openDynamodbSink({ table, endpoint }: { table: string; endpoint: string | undefined }): Promise<Sink> {
  const client = new DynamoDBClient(awsClient(endpoint));
  await requireRegion(client);
  const documents = DynamoDBDocumentClient.from(client);
  let checked = false;

  const send = async (events: readonly OutboxEvent[], signal: AbortSignal): Promise<readonly Refusal[]> => {
    let requests: NonNullable<BatchWriteCommand['input']['RequestItems']>[string] = events.map((event) => ({
      PutRequest: { Item: itemOf(event) },
    }));
    for (let attempt = 1; ; attempt += 1) {
      const answer = await documents.send(new BatchWriteCommand({ RequestItems: { [table]: requests } }), { abortSignal: signal });
      requests = answer.UnprocessedItems?.[table] ?? [];
      if (requests.length === 0) return [];
      if (attempt === ATTEMPTS) throw new Error(`DynamoDB was too busy to take ${requests.length} items.`);
      await wait(backoffMs(attempt, Math.random(), BUSY_MS), undefined, { signal });
    }
  };

  return {
    name: 'dynamodb',
    batchSize: 1000,
    deliver: async (events, signal) => {
      if (!checked) await checkKey(client, table, signal);
      checked = true;
      const refused = await pMap(
        inGroupsOf(MOST_ITEMS, events),
        (group) => sendOrFindRefused(group, (some) => send(some, signal), isRefusal),
        { concurrency: REQUESTS_AT_ONCE },
      );
      return refused.flat();
    },
    close: () => client.destroy(),
  };
}

/** No field of a payload has the name of one of the envelope. */
function itemOf(event: OutboxEvent): Record<string, unknown> {
  const { payload, ...rest } = envelope(event);
  return { ...payload, ...rest };
}

/** With another key the table would refuse every single event, as if each were bad. */
async function checkKey(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<void> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), { abortSignal });
  const key = Object.fromEntries(Table?.KeySchema?.map(({ AttributeName, KeyType }) => [AttributeName, KeyType]) ?? []);
  if (JSON.stringify(key) !== JSON.stringify(KEY))
    throw new Error(
      `The table has the key ${JSON.stringify(key)}, not ${JSON.stringify(KEY)}: make it as docs/how-to/relay-events.md says.`,
    );
}

/** The service says so of requests in which an item is larger than 400 KB, or holds a value that it cannot. */
const isRefusal = (error: unknown): error is Error => error instanceof Error && error.name === 'ValidationException';
