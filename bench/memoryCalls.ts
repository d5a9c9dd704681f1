import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import {
  ContextServiceDefinition,
  GetContextRequest,
  ListQueriesRequest,
  ListQueriesResponse,
} from '../gen/replymesh/context/v1/context_service.js';
import { AnalyticsServiceDefinition, GetSummaryRequest } from '../gen/replymesh/v1/analytics_service.js';
import { rowsOf, type Store } from '../services/context/store.js';
import { type BareClient, bareClient } from './bareClient.js';
import type { ContextProcess } from './contextProcess.js';
import { cpuSeconds } from './cpu.js';
import { atLeast, atMost, type Figure, seen } from './figure.js';
import { latencyOf } from './latency.js';
import { closedLoop, type Measured } from './load.js';
import { ASKED, customerAt, customersOf, queryAt } from './memoryRows.js';

interface Asked {
  readonly context: ContextProcess;
  /** Of the database that it serves. */
  readonly store: Store;
  readonly rows: number;
  readonly seconds: number;
}

const DAY_MS = 86_400_000;
/** Callers at once: one for a latency, so that no call waits for another's, many for a rate. */
const ONE = 1;
const MANY = 64;
/** Customers who are asked for again and again: so few that they stay cached, and so many that they are of all kinds. */
const CACHED = 5;
const KNOWN = 1000;
const PAGES = 20;

/** What the service answers of a filled database, and how soon, over gRPC. */
export async function callFigures(asked: Asked): Promise<Figure[]> {
  const context = bareClient(ContextServiceDefinition, asked.context.target, ASKED);
  const analytics = bareClient(AnalyticsServiceDefinition, asked.context.target, ASKED);
  try {
    return [
      ...(await contextFigures(context, asked)),
      ...(await pageFigures(context, asked)),
      ...(await summaryFigures(analytics, asked)),
      ...(await writeFigures(context, asked)),
    ];
  } finally {
    context.close();
    analytics.close();
  }
}

type Context = BareClient<ContextServiceDefinition>;

/** Every caller's call has to be answered: one that failed would be missing from the latencies. */
async function run(call: (n: number) => Promise<unknown>, callers: number, seconds: number): Promise<Measured> {
  const send = async (n: number) => {
    await call(n);
    return { degraded: false };
  };
  const measured = await closedLoop(send, { callers, seconds, first: 0 });
  const [reason] = Object.keys(measured.failed);
  if (reason !== undefined) throw new Error(`${measured.failed[reason]} calls failed: ${reason}`);
  return measured;
}

const getContext = (client: Context, customerId: string) => client.call('getContext', GetContextRequest.fromPartial({ customerId }));

async function contextFigures(client: Context, { rows, seconds }: Asked): Promise<Figure[]> {
  const customers = customersOf(rows, ASKED);
  const askFor = (n: number) => getContext(client, customerAt(n, customers));
  const empty = latencyOf((await run(() => getContext(client, ''), ONE, seconds / 2)).latenciesMs);
  await run((n) => askFor(n % CACHED), ONE, 1);
  const cached = latencyOf((await run((n) => askFor(n % CACHED), ONE, seconds)).latenciesMs);
  return [
    seen('a call without a customer p99, ms', empty.p99),
    seen('  p50', empty.p50),
    atMost('GetContext p99, warm, ms', 5, cached.p99),
    seen('  p50', cached.p50),
  ];
}

/** Of a service that caches next to nothing: each answer comes from the database. */
export async function uncachedFigures({ context, rows, seconds }: Asked): Promise<Figure[]> {
  const customers = customersOf(rows, ASKED);
  const client = bareClient(ContextServiceDefinition, context.target, ASKED);
  const askFor = (n: number) => getContext(client, customerAt(n, customers));
  try {
    const drawn = latencyOf((await run((n) => askFor(KNOWN + n), ONE, seconds / 2)).latenciesMs);
    for (let n = 0; n < KNOWN; n += 1) await askFor(n);
    const known = latencyOf((await run((n) => askFor(n % KNOWN), ONE, seconds)).latenciesMs);
    return [seen('GetContext p99, not cached, ms', known.p99), seen('  p50', known.p50), seen('  p99 of customers drawn anew', drawn.p99)];
  } finally {
    client.close();
  }
}

async function pageFigures(client: Context, { rows, seconds }: Asked): Promise<Figure[]> {
  const customers = customersOf(rows, ASKED);
  const ask = (request: Partial<ListQueriesRequest>) => client.call('listQueries', ListQueriesRequest.fromPartial(request));
  const tokens = [''];
  for (let page = 0; page < PAGES; page += 1)
    tokens.push(ListQueriesResponse.decode(await ask({ pageToken: tokens.at(-1)! })).nextPageToken);
  const walks = {
    'newest 50': () => ask({}),
    'page 2 to 20': (n: number) => ask({ pageToken: tokens[1 + (n % (PAGES - 1))]! }),
    'of an intent': () => ask({ intent: 'get_refund' }),
    'of a customer': (n: number) => ask({ customerId: customerAt(n % KNOWN, customers) }),
    'half a year ago': () => ask({ endTime: new Date(Date.now() - 180 * DAY_MS) }),
  };
  const figures: Figure[] = [];
  for (const [name, walk] of Object.entries(walks)) {
    await run(walk, ONE, 1);
    const { p50, p95, p99 } = latencyOf((await run(walk, ONE, seconds)).latenciesMs);
    figures.push(atMost(`ListQueries p99, ${name}, ms`, 10, p99), seen('  p95', p95), seen('  p50', p50));
  }
  return figures;
}

async function summaryFigures(client: BareClient<AnalyticsServiceDefinition>, { seconds }: Asked): Promise<Figure[]> {
  const ask = () => {
    const endTime = new Date();
    const startTime = new Date(endTime.getTime() - 30 * DAY_MS);
    return client.call('getSummary', GetSummaryRequest.fromPartial({ startTime, endTime }));
  };
  await ask();
  const { latenciesMs } = await run(ask, ONE, seconds);
  return [atMost('GetSummary of 30 days p99, ms', 200, latencyOf(latenciesMs).p99), seen('  p50', latencyOf(latenciesMs).p50)];
}

async function writeFigures(client: Context, { context, store, rows, seconds }: Asked): Promise<Figure[]> {
  const customers = customersOf(rows, ASKED);
  const write = (n: number) => {
    const query = queryAt(n, { id: `qry_${uuidv7()}`, customerId: customerAt(n, customers), createTime: new Date() });
    return client.call('recordDecision', { query, fingerprint: '', inputs: undefined });
  };
  await run(write, MANY, 1);
  const pids = [context.pid() ?? 0, ...(await serverPids(store))];
  const spent = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = spent();
  const { answered, seconds: took, latenciesMs } = await run(write, MANY, seconds);
  return [
    atLeast('RecordDecision a second, with its event', 1500, answered / took),
    seen('  a core-second of context and Postgres', answered / (spent() - before)),
    seen(`  p99 with ${MANY} callers, ms`, latencyOf(latenciesMs).p99),
  ];
}

/** Processes of Postgres that work for this database; where it runs on another machine, they spend nothing here. */
const serverPids = async (store: Store): Promise<number[]> =>
  (await store.owner((tx) => rowsOf<{ pid: number }>(tx, sql`select pid from pg_stat_activity where datname = current_database()`))).map(
    ({ pid }) => pid,
  );
