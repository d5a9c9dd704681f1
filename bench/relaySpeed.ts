import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { sql } from 'drizzle-orm';
import pMap from 'p-map';
import { AWS_ENV, makeBucket, makeTable } from '../services/context/aws.fixture.js';
import { startMoto } from '../services/context/relayServers.fixture.js';
import { rowsOf, type Store } from '../services/context/store.js';
import { startContext } from './contextProcess.js';
import { atLeast, type Figure, seen } from './figure.js';
import { ASKED } from './memoryRows.js';

interface Parts {
  readonly store: Store;
  readonly contentKey: string;
  readonly env: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

const EVENTS = 20_000;
const POLL_MS = 50;
/** A server that is slower is measured by what it has taken until then. */
const LONGEST_MS = 45_000;
/** As the sink of DynamoDB sends them. */
const ITEMS = 25;
const AT_ONCE = 8;
const SINKS = {
  dynamodb: { REPLYMESH_RELAY_DYNAMODB_TABLE: 'bench' },
  s3: { REPLYMESH_RELAY_S3_BUCKET: 'bench', REPLYMESH_RELAY_S3_FLUSH_MS: '0' },
  eventbridge: { REPLYMESH_RELAY_EVENTBRIDGE_BUS: 'bench' },
} as const;

/** How fast events go from the outbox into a moto server, one sink at a time, beside what that server takes at most. */
export async function relayFigures(parts: Parts): Promise<Figure[]> {
  const moto = await startMoto();
  try {
    await makeTable(moto.url, 'bench');
    await makeBucket(moto.url, 'bench');
    // Without a rule: the bus is measured, not what moto makes of a queue that nobody reads.
    await new EventBridgeClient({ endpoint: moto.url }).send(new CreateEventBusCommand({ Name: 'bench' }));
    const figures: Figure[] = [];
    for (const sink of Object.keys(SINKS) as (keyof typeof SINKS)[]) {
      await fillOutbox(parts.store);
      figures.push(atLeast(`events a second into moto's ${sink}`, 2000, await drain(parts, sink, moto.url)));
      parts.say(`${sink} measured`);
      if (sink === 'dynamodb') figures.push(seen('  items a second that moto takes of ready requests', await motoAlone(moto.port)));
    }
    return figures;
  } finally {
    await moto.close();
  }
}

/** Events as messages make them. */
async function fillOutbox(store: Store): Promise<void> {
  await store.owner(async (tx) => {
    await tx.execute(sql`truncate outbox, relay_cursors`);
    await tx.execute(sql`
      insert into outbox (tenant, event_id, type, subject, payload, created_at)
      select tenant, 'QueryProcessed/' || id, 'QueryProcessed', id,
             to_jsonb(q) - '{tenant,id,record,inputs,query_text,response_text,request_id,session_id,created_at,updated_at}'::text[]
               || jsonb_build_object('query_id', id, 'create_time', created_at), now()
      from (select * from queries where tenant = ${ASKED} order by created_at desc limit ${EVENTS}) q`);
    // The roll-ups have these messages already.
    await tx.execute(sql`
      update analytics_progress set (transaction_id, position) = (select transaction_id, position from outbox order by 1 desc, 2 desc limit 1)`);
  });
}

/** Events a second, from the first that is gone on, so that no start of a process counts. */
async function drain({ store, contentKey, env }: Parts, sink: keyof typeof SINKS, endpoint: string): Promise<number> {
  const context = await startContext(contentKey, { ...env, ...AWS_ENV, ...SINKS[sink], REPLYMESH_RELAY_AWS_ENDPOINT: endpoint });
  const left = async (): Promise<number> => {
    const [row] = await store.background((tx) =>
      rowsOf<{ left: number }>(
        tx,
        sql`select count(*)::int as left from outbox where position > coalesce((select position from relay_cursors where sink = ${sink}), 0)`,
      ),
    );
    return row?.left ?? EVENTS;
  };
  try {
    let first: { at: number; left: number } | undefined;
    for (const end = Date.now() + LONGEST_MS; ; await wait(POLL_MS)) {
      const now = { at: performance.now(), left: await left() };
      if (first === undefined && now.left < EVENTS) first = now;
      if (now.left === 0 || Date.now() > end) return rate(first, now);
    }
  } finally {
    await context.stop();
  }
}

/** Nothing taken is 0, and so is what stopped after the first look. All of it between two looks is faster than can be told. */
function rate(first: { at: number; left: number } | undefined, last: { at: number; left: number }): number {
  if (first === undefined) return 0;
  return first.left === 0 ? Number.POSITIVE_INFINITY : (1000 * (first.left - last.left)) / (last.at - first.at);
}

/** The same requests without a relay, an SDK or a signature: what the server itself can do. */
async function motoAlone(port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.BatchWriteItem',
    authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  };
  const item = (n: number) => ({
    tenant: { S: 'alone' },
    event_id: { S: `QueryProcessed/${n}` },
    ...Object.fromEntries(Array.from({ length: 18 }, (_, i) => [`field_${i}`, { S: 'some value' }])),
  });
  const send = (n: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const requests = Array.from({ length: ITEMS }, (_, i) => ({ PutRequest: { Item: item(n * ITEMS + i) } }));
      request({ agent, port, host: '127.0.0.1', method: 'POST', headers }, (response) =>
        response
          .resume()
          .on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`moto: HTTP ${response.statusCode}`)))),
      )
        .on('error', reject)
        .end(JSON.stringify({ RequestItems: { bench: requests } }));
    });
  const started = performance.now();
  await pMap(Array.from({ length: EVENTS / ITEMS }), (_, n) => send(n), { concurrency: AT_ONCE });
  agent.destroy();
  return (1000 * EVENTS) / (performance.now() - started);
}
