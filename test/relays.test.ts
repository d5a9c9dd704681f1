import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AWS_ENV, makeBucket, makeBus, makeTable } from '../services/context/aws.fixture.js';
import { type RelayServer, SERVERS_START_MS, startMoto } from '../services/context/relayServers.fixture.js';
import { tcpProxy } from '../services/context/tcpProxy.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let moto: RelayServer;
let proxy: Awaited<ReturnType<typeof tcpProxy>>;
let sinks: Awaited<ReturnType<typeof makeSinks>>;
let t: TestMesh;

const makeSinks = async () => ({
  table: await makeTable(moto.url, 'events'),
  bucket: await makeBucket(moto.url, 'events'),
  bus: await makeBus(moto.url, 'events'),
});

beforeAll(async () => {
  moto = await startMoto();
  proxy = await tcpProxy({ host: '127.0.0.1', port: moto.port });
  sinks = await makeSinks();
  t = await startTestMesh({
    withEnvoy: false,
    env: {
      ...AWS_ENV,
      REPLYMESH_RELAY_AWS_ENDPOINT: `http://127.0.0.1:${proxy.port}`,
      REPLYMESH_RELAY_DYNAMODB_TABLE: 'events',
      REPLYMESH_RELAY_S3_BUCKET: 'events',
      REPLYMESH_RELAY_S3_FLUSH_MS: '1000',
      REPLYMESH_RELAY_EVENTBRIDGE_BUS: 'events',
    },
  });
}, SERVERS_START_MS);
afterAll(async () => {
  await t?.stop();
  await proxy?.close();
  await moto?.close();
});

/** Ids of the queries that were asked. */
const asked: string[] = [];
async function ask(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const { decision } = await t.queries.processQuery({ text: `Where is my refund number ${i}?` }, { signal: AbortSignal.timeout(10_000) });
    asked.push(decision?.id ?? '');
  }
}
const queriesOf = (eventIds: readonly string[]): string[] => eventIds.map((id) => id.split('/')[1] ?? '').sort();
const everything = (): string[] => [...asked].sort();
const WAIT = { timeout: 120_000, interval: 500 };

describe('what a mesh relays', { timeout: 300_000 }, () => {
  it('reaches table, bucket and bus, each event once', async () => {
    await ask(4);
    await expect.poll(async () => queriesOf(await sinks.table.ids()), WAIT).toEqual(everything());
    await expect.poll(async () => queriesOf(await sinks.bucket.ids()), WAIT).toEqual(everything());
    await expect.poll(async () => queriesOf(await sinks.bus.ids()), WAIT).toEqual(everything());
  });

  it('comes again under the same id when context is killed after a delivery and before it is confirmed; table and bucket still hold it once', async () => {
    // It arrives, and the answer is lost.
    proxy.state.cutAfter = (bytes) => /"Entries"|"RequestItems"|ndjson\.gz\?x-id=PutObject/.test(bytes.toString('latin1'));
    await ask(3);
    const arrived = async (): Promise<string[][]> => [
      queriesOf(await sinks.table.ids()),
      queriesOf(await sinks.bucket.ids()),
      queriesOf([...new Set(await sinks.bus.ids())]),
    ];
    await expect.poll(async () => (await arrived()).map((ids) => ids.length > 4), WAIT).toEqual([true, true, true]);
    const context = t.mesh.programs.get('context');
    const before = context?.pid();
    context?.kill('SIGKILL');
    const deliveries = (await sinks.bus.ids()).length;
    await expect.poll(() => context?.pid() !== before, WAIT).toBe(true);
    proxy.state.cutAfter = () => false;
    await expect.poll(async () => (await sinks.bus.ids()).length, WAIT).toBeGreaterThan(deliveries);
    await ask(1);
    await expect.poll(arrived, WAIT).toEqual([everything(), everything(), everything()]);
  });

  it('waits while the sinks are away, and no query waits with it', async () => {
    await moto.kill();
    const from = asked.length;
    await ask(3);
    const found = asked.slice(from).map((id) => t.queries.getQuery({ id }));
    expect((await Promise.all(found)).map(({ query }) => query?.id)).toEqual(asked.slice(from));
    // Its memory was lost with it.
    await moto.start();
    sinks = await makeSinks();
    const since = asked.slice(from).sort();
    for (const { ids } of Object.values(sinks)) await expect.poll(async () => queriesOf([...new Set(await ids())]), WAIT).toEqual(since);
  });
});
