import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { expect } from 'vitest';
import { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { background } from '../../lib/call.js';
import { connect } from '../../lib/client.js';
import { freePort } from '../../lib/freePort.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { aQuery, newTenant, startContext, until } from './context.fixture.js';
import { openPglite } from './pglite.js';
import { openPostgres } from './postgres.js';
import { rowsOf, type Store } from './store.js';

const MAIN = fileURLToPath(new URL('dist/services/context/main.js', packageRoot));
const CUSTOMERS = 20;
const WRITERS = 64;
const TRY_MS = 10_000;

/** The context service as a process that a test may kill, found again at the same address. @param env where its stores are; embedded without */
export async function contextProcess(env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'replymesh-killed-'));
  const keyFile = join(folder, 'content.key');
  // The master key of the fixtures, so that the test can read what the process wrote.
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64'));
  const port = await freePort();
  const connection = connect(ContextServiceDefinition, { callee: 'context', target: `127.0.0.1:${port}`, timeoutMs: 10_000 });
  let child: ChildProcess | undefined;
  const start = (): void => {
    const settings = {
      REPLYMESH_LISTEN: `127.0.0.1:${port}`,
      REPLYMESH_METRICS_ADDRESS: '127.0.0.1:0',
      REPLYMESH_DATA_DIR: folder,
      REPLYMESH_CONTENT_KEY_FILE: keyFile,
      REPLYMESH_INFERENCE_ADDRESS: '127.0.0.1:1',
      REPLYMESH_REDIS_PREFIX: `${folder}:`,
      REPLYMESH_LOG_LEVEL: 'silent',
    };
    child = spawn(process.execPath, [MAIN], { env: { ...settings, ...env }, stdio: 'ignore' });
  };
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
  start();
  return {
    client: connection.client,
    pid: () => child?.pid,
    isRunning: () => child?.exitCode === null && child.signalCode === null,
    start,
    kill,
    /** Its store, once it is killed. */
    openStore: (): Promise<Store> =>
      env['DATABASE_URL']
        ? openPostgres({ url: env['DATABASE_URL'], connections: 4, statementTimeoutMs: 10_000, startTimeoutMs: 10_000 })
        : openPglite(join(folder, 'context')),
    close: async () => {
      await connection.close();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type ContextProcess = Awaited<ReturnType<typeof contextProcess>>;

const ACTIONS = [Action.AUTO, Action.DRAFT, Action.ESCALATE];
const customerOf = (n: number): string => `c-${n % CUSTOMERS}`;

/** Many callers who each repeat a decision until it is acknowledged, as the gateway's spool does. */
export function startWriters({ client }: ContextProcess, count: number) {
  const t = newTenant();
  const queries = Array.from({ length: count }, (_, n) =>
    aQuery({ customerId: customerOf(n), action: ACTIONS[n % 3]!, requestId: `r-${n}` }),
  );
  const state = { acknowledged: 0, failures: 0 };
  const waiting = [...queries];
  // Each try has a deadline of its own: all of them together may take long.
  const now = () => ({ within: background({ tenant: t.tenant, timeoutMs: TRY_MS }) });
  const write = async (): Promise<void> => {
    for (let query = waiting.shift(); query; query = waiting.shift()) {
      await until(async () => {
        try {
          await client.recordDecision({ query: query!, fingerprint: 'a'.repeat(64) }, now());
          return true;
        } catch {
          state.failures += 1;
          return false;
        }
      });
      state.acknowledged += 1;
    }
  };
  const done = Promise.all(Array.from({ length: WRITERS }, write));
  return {
    t,
    state,
    done,
    ids: queries.map(({ id }) => id).sort(),
    /** Once so much of it is acknowledged. */
    reached: (share: number) => until(() => state.acknowledged >= share * count),
  };
}
export type Writers = ReturnType<typeof startWriters>;

export const customers = Array.from({ length: CUSTOMERS }, (_, n) => customerOf(n));

/** What the running process tells of its customers' behaviour. */
export const featuresTold = ({ client }: ContextProcess, { t }: Writers) =>
  Promise.all(
    customers.map(async (customerId) => {
      const { features } = await client.getContext({ customerId }, { within: background({ tenant: t.tenant, timeoutMs: TRY_MS }) });
      return [features?.interactionsTotal, features?.escalationsTotal, features?.openInteractions];
    }),
  );

/** The same, as anybody would count it from what was sent. */
export const featuresSent = (count: number) =>
  customers.map((customer) => {
    const own = Array.from({ length: count }, (_, n) => n).filter((n) => customerOf(n) === customer);
    const of = (action: Action): number => own.filter((n) => ACTIONS[n % 3] === action).length;
    return [own.length, of(Action.ESCALATE), of(Action.DRAFT)];
  });

/** Every decision is there once, with its event, its line and its audit record, and the chain of those holds. */
export async function expectAllOnce(store: Store, { t, ids }: Writers): Promise<void> {
  const within = background({ tenant: t.tenant, timeoutMs: 60_000 });
  const column = (statement: ReturnType<typeof sql>) => async (tx: Parameters<Parameters<Store['within']>[1]>[0]) =>
    (await rowsOf<{ id: string }>(tx, statement)).map(({ id }) => id).sort();
  expect(await store.within(within, column(sql`select id from queries`))).toEqual(ids);
  expect(await store.within(within, column(sql`select id from customer_history`))).toEqual(ids);
  expect(await store.background(column(sql`select subject as id from outbox where tenant = ${t.tenant}`))).toEqual(ids);
  expect(await store.within(within, column(sql`select subject as id from audit_log where action = 'decision.recorded'`))).toEqual(ids);
  const mesh = await startContext(store);
  const verified = await mesh.audit.verifyAuditLog({}, { within });
  await mesh.close();
  expect(verified).toMatchObject({ recordCount: ids.length, fault: undefined });
}
