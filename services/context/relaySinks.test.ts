import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../lib/config.js';
import { StartError } from '../../lib/errors.js';
import type { Closable } from '../../lib/shutdown.js';
import { makeBucket, makeBus, makeTable } from './aws.fixture.js';
import { aQuery, newTenant, openTestStore, startContext, until } from './context.fixture.js';
import { events } from './events.js';
import { relayEvents } from './relayMetrics.js';
import { type RelayServer, SERVERS_START_MS, startMlflow, startMoto } from './relayServers.fixture.js';
import { relaySettings } from './relaySettings.js';
import { envelope, type OutboxEvent } from './relaySink.js';
import { startRelays } from './startRelays.js';
import { rowsOf, type Store } from './store.js';

let store: Store;
let mesh: Awaited<ReturnType<typeof startContext>>;
let moto: RelayServer;
let relays: Closable | undefined;

beforeAll(async () => {
  moto = await startMoto();
  store = await openTestStore('PGlite');
  mesh = await startContext(store);
}, SERVERS_START_MS);
afterAll(async () => {
  await mesh?.close();
  await store?.close();
  await moto?.close();
});
const stop = async (): Promise<void> => {
  await relays?.close();
  relays = undefined;
};
afterEach(async () => {
  await stop();
  await store.background(async (tx) => {
    for (const table of ['outbox', 'relay_cursors', 'dead_letters']) await tx.execute(sql.raw(`delete from ${table}`));
  });
});

const start = async (env: Record<string, string>, endpoint = moto.url): Promise<void> => {
  const config = parseConfig(relaySettings, { REPLYMESH_RELAY_AWS_ENDPOINT: endpoint, REPLYMESH_RELAY_S3_FLUSH_MS: '0', ...env });
  relays = await startRelays({ store, config, inference: mesh.inferenceClient, now: () => new Date() });
};
/** As after a crash between a delivery and its confirmation: everything goes again. */
const forgetDelivery = async (): Promise<void> => {
  await stop();
  await store.background((tx) => tx.execute(sql`update relay_cursors set transaction_id = '0', position = 0`));
};
/** Records messages, and tells the ids of their events. */
async function record(count: number, t = newTenant()): Promise<string[]> {
  const queries = Array.from({ length: count }, () => aQuery({ customerId: 'c-1' }));
  await Promise.all(queries.map((query) => mesh.context.recordDecision({ query }, t.as)));
  return queries.map(({ id }) => `QueryProcessed/${id}`);
}
async function announce(event: { id?: string; type?: string; payload?: object }): Promise<string> {
  const { tenant, as } = newTenant();
  const { id = `Test/${randomUUID()}`, type = 'Test', payload = {} } = event;
  await store.within(as.within, (tx) =>
    tx.execute(sql`
      insert into outbox (tenant, event_id, type, subject, payload, created_at)
      values (${tenant}, ${id}, ${type}, 's', ${JSON.stringify(payload)}::jsonb, ${mesh.clock.now.toISOString()})`),
  );
  return id;
}
const deadLetters = () =>
  store.background((tx) => rowsOf<{ sink: string; event_id: string; error: string }>(tx, sql`select * from dead_letters`));
const sorted = (ids: Iterable<string>): string[] => [...ids].sort();

/** Before moto, and answers in its place where the test says so. */
async function startFront(answer: (target: string, body: string) => object | undefined) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const own = answer(String(request.headers['x-amz-target']), body.toString());
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
    const passed = own ? undefined : await fetch(`${moto.url}${request.url}`, { method: 'POST', headers: headers as never, body });
    response
      .writeHead(passed?.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' })
      .end(passed ? Buffer.from(await passed.arrayBuffer()) : JSON.stringify(own));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('a table in DynamoDB', () => {
  const newTable = async (keys?: readonly string[]) => {
    const name = `t-${randomUUID()}`;
    return { ...(await makeTable(moto.url, name, keys)), env: { REPLYMESH_RELAY_DYNAMODB_TABLE: name } };
  };

  it('has a place for every field of every event beside those of the envelope', () => {
    const own = Object.keys(envelope({ createdAt: new Date() } as OutboxEvent));
    for (const { fields } of Object.values(events)) expect(Object.keys(fields).filter((name) => own.includes(name))).toEqual([]);
  });

  it('gets an item for each event with its numbers, and still one when the event comes again', async () => {
    const table = await newTable();
    const written = await record(60);
    await start(table.env);
    await until(async () => (await table.ids()).length === 60);
    expect(await table.ids()).toEqual(sorted(written));
    expect((await table.items())[0]).toMatchObject({ type: 'QueryProcessed', intent: 'get_refund', confidence: 0.9, customer_id: 'c-1' });
    await forgetDelivery();
    written.push(...(await record(1)));
    await start(table.env);
    await until(async () => (await table.ids()).length === 61);
    expect(await table.ids()).toEqual(sorted(written));
  });

  it('that is too busy for some of a request gets those again', async () => {
    const table = await newTable();
    let busy = 2;
    const front = await startFront((target, body) => {
      if (!target.endsWith('BatchWriteItem') || busy === 0) return undefined;
      busy -= 1;
      return { UnprocessedItems: (JSON.parse(body) as { RequestItems: object }).RequestItems };
    });
    const written = await record(30);
    await start(table.env, front.url);
    await until(async () => (await table.ids()).length === 30);
    expect(await table.ids()).toEqual(sorted(written));
    expect(busy).toBe(0);
    front.close();
  });

  it('that refuses one event gets the others of its request', async () => {
    const table = await newTable();
    const written = [...(await record(3))];
    const bad = await announce({ id: '' });
    written.push(...(await record(3)));
    await start(table.env);
    await until(async () => (await deadLetters()).length === 1);
    expect(await deadLetters()).toMatchObject([{ sink: 'dynamodb', event_id: bad, error: expect.stringContaining('ValidationException') }]);
    expect(await table.ids()).toEqual(sorted(written));
  });

  it('with another key makes no dead letters of everything: it gets all once it is right', async () => {
    const written = await record(3);
    const wrong = await newTable(['id']);
    const failed = async () =>
      (await relayEvents.get()).values.find(({ labels }) => labels.sink === 'dynamodb' && labels.result === 'failed');
    const before = (await failed())?.value ?? 0;
    await start(wrong.env);
    // As often as would make dead letters of them.
    await until(async () => ((await failed())?.value ?? 0) >= before + 4 * written.length);
    expect(await deadLetters()).toEqual([]);
    await stop();
    const right = await newTable();
    await start(right.env);
    await until(async () => (await right.ids()).length === 3);
    expect(await right.ids()).toEqual(sorted(written));
  });
});

describe('a bucket in S3', () => {
  const newBucket = async () => {
    const name = `b-${randomUUID()}`;
    return { ...(await makeBucket(moto.url, name)), env: { REPLYMESH_RELAY_S3_BUCKET: name } };
  };

  it('gets files of gzipped lines by tenant and day', async () => {
    const bucket = await newBucket();
    const [a, b] = [newTenant(), newTenant()];
    const written = [await record(3, a), await record(2, b)];
    await start(bucket.env);
    await until(async () => (await bucket.ids()).length === 5);
    const files = await bucket.files();
    expect(sorted(files.map(({ key }) => key))).toEqual(
      sorted(
        [a, b].map(({ tenant }, i) => {
          const first = written[i]?.find((id) => files.some(({ events }) => events[0]?.event_id === id));
          return `events/tenant=${tenant}/date=2026-11-24/${first?.replace('/', '_')}.ndjson.gz`;
        }),
      ),
    );
    expect(await bucket.ids()).toEqual(sorted(written.flat()));
    expect(files[0]?.events[0]).toMatchObject({
      type: 'QueryProcessed',
      time: '2026-11-24T12:00:00.000Z',
      payload: { intent: 'get_refund', confidence: 0.9 },
    });
  });

  it('holds each event once in a file that never changes, also when a longer batch comes again', async () => {
    const bucket = await newBucket();
    const t = newTenant();
    const written = await record(3, t);
    await start(bucket.env);
    await until(async () => (await bucket.ids()).length === 3);
    await forgetDelivery();
    written.push(...(await record(4, t)));
    await start(bucket.env);
    await until(async () => (await bucket.ids()).length === 7);
    await forgetDelivery();
    written.push(...(await record(1, t)));
    await start(bucket.env);
    await until(async () => (await bucket.ids()).length === 8);
    expect(await bucket.ids()).toEqual(sorted(written));
    expect((await bucket.files()).map(({ events }) => events.length).sort()).toEqual([1, 3, 4]);
  });
});

describe('a bus of EventBridge', () => {
  const newBus = async () => {
    const name = `bus-${randomUUID()}`;
    return { ...(await makeBus(moto.url, name)), env: { REPLYMESH_RELAY_EVENTBRIDGE_BUS: name } };
  };

  it('gets each event, which tells its id, so that one that comes again is known', async () => {
    const bus = await newBus();
    const written = await record(25);
    await start(bus.env);
    await until(async () => (await bus.ids()).length === 25);
    expect(await bus.ids()).toEqual(sorted(written));
    expect(bus.received[0]).toMatchObject({
      'detail-type': 'QueryProcessed',
      source: 'replymesh',
      detail: { payload: { intent: 'get_refund' } },
    });
    await forgetDelivery();
    await start(bus.env);
    await until(async () => (await bus.ids()).length === 50);
    expect(sorted(new Set(await bus.ids()))).toEqual(sorted(written));
  });

  it('that takes some entries of a request only gets the others again, and nothing twice', async () => {
    const bus = await newBus();
    let busy = 3;
    const front = await startFront((_target, body) => {
      if (busy === 0) return undefined;
      busy -= 1;
      const { Entries } = JSON.parse(body) as { Entries: object[] };
      return {
        FailedEntryCount: Entries.length,
        Entries: Entries.map(() => ({ ErrorCode: 'ThrottlingException', ErrorMessage: 'slower' })),
      };
    });
    const written = await record(12);
    await start(bus.env, front.url);
    await until(async () => (await bus.ids()).length === 12);
    expect([await bus.ids(), busy]).toEqual([sorted(written), 0]);
    front.close();
  });

  it('that refuses one entry gets the others, and the bad one is a dead letter', async () => {
    const bus = await newBus();
    const written = await record(2);
    const bad = await announce({ type: '' });
    written.push(...(await record(2)));
    await start(bus.env);
    await until(async () => (await deadLetters()).length === 1);
    expect(await deadLetters()).toMatchObject([{ sink: 'eventbridge', event_id: bad, error: expect.stringContaining('InvalidArgument') }]);
    expect(await bus.ids()).toEqual(sorted(written));
  });
});

describe('a bucket that gets the bundles that are promoted', () => {
  const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex');
  /** A bundle that the inference service has, in parts as it sends them. */
  const makeBundle = (content: string) => {
    const manifest = JSON.stringify({ files: [{ path: 'spaces/a/heads.onnx', sha256: digestOf(content) }] });
    const files = {
      'manifest.json': [Buffer.from(manifest)],
      'spaces/a/heads.onnx': [Buffer.from(content.slice(0, 3)), Buffer.from(content.slice(3))],
    };
    return { digest: digestOf(manifest), files };
  };
  const newBucket = async () => {
    const name = `b-${randomUUID()}`;
    await makeBucket(moto.url, name);
    const client = new S3Client({ endpoint: moto.url, forcePathStyle: true });
    const keys = async (digest: string): Promise<string[]> => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: `bundles/${digest}/` }));
      return Contents.map(({ Key = '' }) => Key.slice(`bundles/${digest}/`.length)).sort();
    };
    const read = async (key: string): Promise<string> => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }));
      return (await Body?.transformToString()) ?? '';
    };
    return { keys, read, env: { REPLYMESH_RELAY_S3_BUCKET: name } };
  };
  const promoted = (digest: string) => announce({ type: 'ModelPromoted', payload: { bundle_digest: digest } });

  it('holds each whole, once, and waits for what cannot be read yet', async () => {
    const bucket = await newBucket();
    const { digest, files } = makeBundle('some weights');
    mesh.inference.state.files = {};
    await promoted(digest);
    await start(bucket.env);
    await until(async () => (await relayEvents.get()).values.some(({ labels }) => labels.sink === 'bundles' && labels.result === 'failed'));
    expect(await bucket.keys(digest)).toEqual([]);
    mesh.inference.state.files = files;
    await until(async () => (await bucket.keys(digest)).length === 2);
    expect(await bucket.keys(digest)).toEqual(['manifest.json', 'spaces/a/heads.onnx']);
    expect(await bucket.read(`bundles/${digest}/spaces/a/heads.onnx`)).toBe('some weights');
    await forgetDelivery();
    // What is there is not read again.
    mesh.inference.state.files = { 'manifest.json': files['manifest.json'] };
    const { digest: next, files: nextFiles } = makeBundle('other weights');
    await start(bucket.env);
    await until(async () =>
      (await relayEvents.get()).values.some(
        ({ labels, value }) => labels.sink === 'bundles' && labels.result === 'delivered' && value >= 2,
      ),
    );
    mesh.inference.state.files = nextFiles;
    await promoted(next);
    await until(async () => (await bucket.keys(next)).length === 2);
  });

  it('never gets a bundle that is not what its digest says', async () => {
    const bucket = await newBucket();
    const { files } = makeBundle('some weights');
    const digest = 'f'.repeat(64);
    mesh.inference.state.files = files;
    const failures = async () =>
      (await relayEvents.get()).values.find(({ labels }) => labels.sink === 'bundles' && labels.result === 'failed')?.value ?? 0;
    const before = await failures();
    await promoted(digest);
    await start(bucket.env);
    await until(async () => (await failures()) > before);
    expect(await bucket.keys(digest)).toEqual(['spaces/a/heads.onnx']);
  });
});

describe('an MLflow server', { timeout: 300_000 }, () => {
  let mlflow: RelayServer;
  beforeAll(async () => {
    mlflow = await startMlflow();
  }, SERVERS_START_MS);
  afterAll(() => mlflow?.close());
  const env = () => ({ REPLYMESH_RELAY_MLFLOW_URI: mlflow.url, REPLYMESH_RELAY_MLFLOW_WINDOW_MS: '3600000' });
  const ask = async (path: string, body?: object) => {
    const answer = await fetch(`${mlflow.url}/api/2.0/mlflow/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return (await answer.json()) as never;
  };
  const runsOf = async (digest: string): Promise<{ info: { run_id: string } }[]> => {
    const { experiments = [] } = (await ask('experiments/search', { filter: "name = 'replymesh-monitoring'", max_results: 1 })) as {
      experiments?: { experiment_id: string }[];
    };
    const filter = `tags.bundle_digest = '${digest}'`;
    const { runs = [] } = (await ask('runs/search', { experiment_ids: experiments.map((e) => e.experiment_id), filter })) as {
      runs?: { info: { run_id: string } }[];
    };
    return runs;
  };
  const curveOf = async (digest: string, key: string): Promise<{ step: number; value: number }[]> => {
    const [run] = await runsOf(digest);
    if (!run) return [];
    const { metrics = [] } = (await ask(`metrics/get-history?run_id=${run.info.run_id}&metric_key=${key}`)) as {
      metrics?: { step: number; value: number }[];
    };
    return metrics.map(({ step, value }) => ({ step: Number(step), value }));
  };
  const hourOf = (iso: string): number => Date.parse(iso) / 3_600_000;
  const recordAt = async (at: string, digest: string, fields: Parameters<typeof aQuery>[0][]): Promise<void> => {
    mesh.clock.now = new Date(at);
    const t = newTenant();
    for (const own of fields) {
      const query = aQuery(own);
      query.decision!.evidence!.bundleDigest = digest;
      await mesh.context.recordDecision({ query }, t.as);
      if (own?.confidence === 0.5)
        await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 2, correctedIntent: 'other' }, t.as);
    }
  };

  it('gets a run for each bundle with a point for each window, and none of them twice when they come again', async () => {
    const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
    await recordAt('2026-11-24T08:10:00Z', one, [
      { confidence: 0.9, action: 1 },
      { confidence: 0.5, action: 3 },
    ]);
    await recordAt('2026-11-24T08:50:00Z', other, [{ confidence: 0.8 }]);
    await recordAt('2026-11-24T09:10:00Z', one, [{ confidence: 0.6 }]);
    await start(env());
    await until(async () => (await curveOf(one, 'queries')).length === 2);
    const check = async () => {
      expect(await curveOf(one, 'confidence_mean')).toEqual([
        { step: hourOf('2026-11-24T08:00:00Z'), value: 0.7 },
        { step: hourOf('2026-11-24T09:00:00Z'), value: 0.6 },
      ]);
      expect((await curveOf(one, 'escalation_share')).map(({ value }) => value)).toEqual([0.5, 0]);
      expect((await curveOf(one, 'satisfaction_mean')).map(({ value }) => value)).toEqual([2]);
      expect(await curveOf(other, 'confidence_mean')).toEqual([{ step: hourOf('2026-11-24T08:00:00Z'), value: 0.8 }]);
      expect([(await runsOf(one)).length, (await runsOf(other)).length]).toEqual([1, 1]);
    };
    await check();
    await forgetDelivery();
    await recordAt('2026-11-24T10:10:00Z', other, [{ confidence: 0.4 }]);
    await start(env());
    await until(async () => (await curveOf(other, 'queries')).length === 2);
    expect(await curveOf(one, 'queries')).toEqual([
      { step: hourOf('2026-11-24T08:00:00Z'), value: 2 },
      { step: hourOf('2026-11-24T09:00:00Z'), value: 1 },
    ]);
  });

  it('calls the version that was trained into a promoted bundle its champion', async () => {
    const digest = 'd'.repeat(64);
    await ask('registered-models/create', { name: 'replymesh' });
    const tags = [{ key: 'bundle_digest', value: digest }];
    for (const own of [tags, []]) await ask('model-versions/create', { name: 'replymesh', source: 's3://models/bundle', tags: own });
    // One that was trained elsewhere is nobody's version.
    for (const bundle_digest of [digest, 'e'.repeat(64)]) await announce({ type: 'ModelPromoted', payload: { bundle_digest } });
    await start(env());
    const champion = async () =>
      ((await ask('registered-models/alias?name=replymesh&alias=champion')) as { model_version?: { version: string } }).model_version
        ?.version;
    await until(async () => (await champion()) !== undefined);
    expect(await champion()).toBe('1');
  });

  it('never gets an event whose numbers are none: that one is a dead letter', async () => {
    const digest = '3'.repeat(64);
    mesh.clock.now = new Date('2026-11-24T08:00:00Z');
    const bad = await announce({ type: 'QueryProcessed', payload: { model_version: digest, confidence: 'high' } });
    await recordAt('2026-11-24T08:10:00Z', digest, [{ confidence: 0.75 }]);
    await start(env());
    await until(async () => (await deadLetters()).length === 1);
    expect(await deadLetters()).toMatchObject([{ sink: 'mlflow', event_id: bad }]);
    await until(async () => (await curveOf(digest, 'queries')).length === 1);
  });

  it('that is away for a while gets all that happened meanwhile, and nobody waits for it', async () => {
    const digest = '4'.repeat(64);
    await start(env());
    await mlflow.kill();
    await recordAt('2026-11-24T07:10:00Z', digest, [{ confidence: 0.25 }, { confidence: 0.75 }]);
    await mlflow.start();
    await until(async () => (await curveOf(digest, 'confidence_mean')).length === 1);
    expect(await curveOf(digest, 'confidence_mean')).toEqual([{ step: hourOf('2026-11-24T07:00:00Z'), value: 0.5 }]);
  });
});

describe('relays', () => {
  it('say at the start that no region is set, instead of failing for ever', async () => {
    const { AWS_REGION, AWS_CONFIG_FILE } = process.env;
    delete process.env['AWS_REGION'];
    process.env['AWS_CONFIG_FILE'] = '/dev/null';
    try {
      await expect(start({ REPLYMESH_RELAY_DYNAMODB_TABLE: 't' })).rejects.toThrow(StartError);
      await expect(start({ REPLYMESH_RELAY_DYNAMODB_TABLE: 't' })).rejects.toThrow('AWS_REGION is missing');
    } finally {
      Object.assign(process.env, { AWS_REGION }, AWS_CONFIG_FILE === undefined ? {} : { AWS_CONFIG_FILE });
      if (AWS_CONFIG_FILE === undefined) delete process.env['AWS_CONFIG_FILE'];
    }
  });
});
