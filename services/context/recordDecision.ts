import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { ContextServiceDefinition, RecordDecisionResponse } from '../../gen/replymesh/context/v1/context_service.js';
import type { CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import { background } from '../../lib/call.js';
import { Fault } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import type { AuditLog, Entry, HeadRow, OpenLog } from './auditLog.js';
import { type Line, withLines } from './behaviour.js';
import type { Cache } from './cache.js';
import { type ContentKey, type ContentKeys, customersAndKeys, type StoredKey } from './contentKeys.js';
import { contextKey } from './contextKey.js';
import { versionAfter } from './customerVersions.js';
import { type DecisionWrite, decisionWrite, lineOf } from './decisionRow.js';
import { type CustomerNow, isMadeFromErased, withoutErased } from './erasedContext.js';
import { erasedAt } from './erasures.js';
import type { Change, FeatureStore } from './featureStore.js';
import { groupCommit, type Outcome } from './groupCommit.js';
import { readProfile } from './profileRow.js';
import { HONOURED_MS } from './reserveRequest.js';
import { newReview } from './reviewRow.js';
import { hexOf, sealQuery } from './sealedQuery.js';
import { outcomeOf, readStanding, type Standing } from './standingRecord.js';
import { preparedRowsOf, type Store, type Transaction } from './store.js';
import { StatementRefused } from './storeFault.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  /** Share of all messages that chance takes before a person. */
  readonly reviewSample: number;
  readonly now: () => Date;
}

/** Most decisions in one transaction: enough to share its cost, few enough that it stays short. */
const MAX_BATCH = 64;
const COMMIT_TIMEOUT_MS = 5000;

interface Item {
  readonly write: DecisionWrite;
  readonly query: Query;
  readonly inputs: DecisionInputs | undefined;
  /** What a person has to look at; null when nobody has. */
  readonly review: ReturnType<typeof newReview>;
  /** On whose behalf. */
  readonly actor: string;
}

export const recordDecision = (parts: Parts): Handler<ContextServiceDefinition, 'recordDecision'> => {
  const { store, reviewSample, now } = parts;
  const byTenant = new Map<string, (item: Item) => Promise<Recorded>>();
  const commitOf = (tenant: string) => {
    const known = byTenant.get(tenant);
    if (known) return known;
    const made = groupCommit<Item, Recorded>({
      // Not within one caller's call: whoever leaves early must not take its neighbours' writes along.
      commit: async (items) => {
        const call = background({ tenant, timeoutMs: COMMIT_TIMEOUT_MS });
        const { answers, changes } = await store.alone(call, (tx) => writeAll(tx, parts, tenant, items));
        const noted = note(parts, tenant, items, answers, changes);
        return answers.map((outcome) => (outcome.ok ? { ok: true, value: { answer: outcome.value, noted } } : outcome));
      },
      keysOf: ({ write }) => [`id ${write.id}`, ...(write.request_id === '' ? [] : [`request ${write.request_id}`])],
      mayBeOnes: (error) => error instanceof StatementRefused || (error instanceof Fault && error.reason === 'VALUE_REFUSED'),
      maxItems: MAX_BATCH,
    });
    byTenant.set(tenant, made);
    return made;
  };
  return async (request, call) => {
    const query = request.query as Query;
    const { tenant, subject: actor } = call.principal;
    const write = decisionWrite(tenant, query, request, now());
    const { answer, noted } = await commitOf(tenant)({
      write,
      query,
      inputs: request.inputs,
      review: newReview(query, reviewSample),
      actor,
    });
    await noted;
    return answer;
  };
};

interface Recorded {
  readonly answer: RecordDecisionResponse;
  /** When what is kept beside the database knows of the transaction; the next one does not wait for it. */
  readonly noted: Promise<void>;
}

type Answers = readonly Outcome<RecordDecisionResponse>[];

/** Tells what is kept beside the database what was committed, at once for all. */
async function note({ cache, features }: Parts, tenant: string, items: readonly Item[], answers: Answers, changes: readonly Change[]) {
  // What was carried on first makes what is cached known to be old.
  await features.follow(tenant, changes);
  const customers = items.flatMap(({ query: { customerId } }, i) => {
    const outcome = answers[i];
    return outcome?.ok && outcome.value.created && customerId !== '' ? [customerId] : [];
  });
  await cache.forget([...new Set(customers)].map((id) => contextKey(tenant, id)));
}

async function writeAll(
  tx: Transaction,
  { keys, audit, now }: Parts,
  tenant: string,
  items: readonly Item[],
): Promise<{ answers: Answers; changes: readonly Change[] }> {
  const at = now();
  const { head, customers } = await readBefore(tx, tenant, items);
  // They waited somewhere while their customer was erased.
  const isErased = ({ write }: Item): boolean =>
    Date.parse(write.event.payload.create_time) <= (customers.get(write.customer_id)?.erased_at ?? Number.NEGATIVE_INFINITY);
  const profiles = await readProfilesAnew(tx, keys, tenant, customers);
  const kept = items.filter((item) => !isErased(item)).map((item) => withoutErasedContext(item, customers, profiles, tenant, at));
  const keyOf = await keys.completed(tx, tenant, [...new Set(kept.map(({ write }) => customers.get(write.customer_id)!))]);
  const sealed = kept.map((item) => sealedOf(item, keyOf.get(item.write.customer_id)!, at));
  const versionOf = (customerId: string) => versionAfter(customers.get(customerId)?.version ?? null, at);
  const { created, remembered } = await insert(tx, tenant, sealed, at, versionOf, audit.from(tx, tenant, head));
  const ofHistory = items.filter(({ write }) => remembered.has(write.id));
  const changes = changesOf(ofHistory, customers, at);
  const rest = sealed.flatMap(({ write }) => (created.has(write.id) ? [] : [write]));
  const standing = rest.length === 0 ? new Map<string, Standing>() : await readStanding(tx, rest);
  const answers = items.map((item): Outcome<RecordDecisionResponse> => {
    if (created.has(item.write.id)) return { ok: true, value: { query: undefined, created: true } };
    if (isErased(item)) return { ok: true, value: { query: item.query, created: false } };
    return outcomeOf(keys, tenant, item.write, standing.get(item.write.id));
  });
  return { answers, changes };
}

type Profiles = ReadonlyMap<string, CustomerProfile | undefined>;

/** The profiles of those whom another system has told of anew since they were erased: few. */
async function readProfilesAnew(
  tx: Transaction,
  keys: ContentKeys,
  tenant: string,
  customers: ReadonlyMap<string, Customer>,
): Promise<Profiles> {
  const profiles = new Map<string, CustomerProfile | undefined>();
  for (const [id, { erased_at, has_profile }] of customers)
    if (erased_at !== null && has_profile) profiles.set(id, await readProfile(tx, keys, tenant, id));
  return profiles;
}

function withoutErasedContext(item: Item, customers: ReadonlyMap<string, Customer>, profiles: Profiles, tenant: string, at: Date): Item {
  const { write, query, inputs } = item;
  const customer = customers.get(write.customer_id);
  if (!customer || !isMadeFromErased(inputs, customer, profiles.get(write.customer_id))) return item;
  const { fingerprint } = write;
  return { ...item, write: decisionWrite(tenant, withoutErased(query), { fingerprint, inputs: undefined }, at) };
}

interface Customer extends StoredKey, CustomerNow {
  /** Of the customer's history; null before its first line. */
  readonly version: number | null;
}

/** What has to be known before anything is written, in one statement. */
async function readBefore(
  tx: Transaction,
  tenant: string,
  items: readonly Item[],
): Promise<{ head: HeadRow | undefined; customers: ReadonlyMap<string, Customer> }> {
  const rows = await preparedRowsOf<Customer & HeadRow>(
    tx,
    sql`
      select c.customer_id, k.wrapped_key, ${erasedAt(sql`c.customer_id`)} as erased_at, h.position, h.hash, h.mac,
             (select v.version::float8 from customer_versions v where v.customer_id = c.customer_id) as version,
             exists (select from customers p where p.id = c.customer_id) as has_profile
      from ${customersAndKeys(items.map(({ write }) => write.customer_id))} left join audit_heads h on h.tenant = ${tenant}`,
  );
  return { head: rows[0]?.hash == null ? undefined : rows[0], customers: new Map(rows.map((row) => [row.customer_id, row])) };
}

interface Sealed {
  readonly write: DecisionWrite;
  readonly review: Item['review'];
  readonly columns: ReturnType<typeof sealQuery>;
  readonly entry: Entry;
}

/** By the hash of what is stored the log vouches for the record; once the key is gone, it says nothing of the words. */
function sealedOf({ write, review, actor }: Item, key: ContentKey, at: Date): Sealed {
  const columns = sealQuery(key, write.id, write.texts);
  const sha256 = (sealed: Uint8Array): string => createHash('sha256').update(sealed).digest('hex');
  const { record, inputs } = columns;
  const detail = { ...write.audited, record_sha256: sha256(record!), ...(inputs ? { inputs_sha256: sha256(inputs) } : {}) };
  return { write, review, columns, entry: { at, actor, action: 'decision.recorded', subject: write.id, detail } };
}

interface Inserted {
  readonly created: ReadonlySet<string>;
  /** Those that became a line of a customer's history. */
  readonly remembered: ReadonlySet<string>;
}

/**
 * Writes what may be written: claims the request id, stores the query, appends to the customer's history, announces it, and logs it.
 * One statement, so that one round trip, but where some were stored before: the log then follows.
 */
async function insert(
  tx: Transaction,
  tenant: string,
  sealed: readonly Sealed[],
  now: Date,
  versionOf: (customerId: string) => number,
  log: OpenLog,
): Promise<Inserted> {
  if (sealed.length === 0) return { created: new Set(), remembered: new Set() };
  const writes = sealed.map(({ write: { id, request_id, fingerprint, query, interaction, event, customer_id }, review, columns }) => {
    const version = versionOf(customer_id);
    return { id, request_id, fingerprint, query: { ...query, ...hexOf(columns) }, interaction, event, review, version };
  });
  // One order everywhere, so that two instances cannot wait for each other.
  const input = JSON.stringify(writes.sort((a, b) => (a.request_id + a.id < b.request_id + b.id ? -1 : 1)));
  const at = now.toISOString();
  const until = new Date(now.getTime() + HONOURED_MS).toISOString();
  const rows = await preparedRowsOf<{ id: string; remembered: boolean }>(
    tx,
    sql`
      with input as materialized (
        select * from jsonb_to_recordset(${input}::jsonb) as i(id text, request_id text, fingerprint text, query jsonb, interaction jsonb, event jsonb, review jsonb, version bigint)
      ), claimed as (
        insert into request_reservations as held (tenant, request_id, fingerprint, query_id, completed, lease_until, honoured_until)
        select ${tenant}, request_id, fingerprint, id, true, ${at}::timestamptz, ${until}::timestamptz from input where request_id <> ''
        on conflict (tenant, request_id) do update
          set fingerprint = excluded.fingerprint, query_id = excluded.query_id, completed = true, honoured_until = excluded.honoured_until
          where held.honoured_until <= ${at}::timestamptz
             or (not held.completed and (held.fingerprint = excluded.fingerprint or excluded.fingerprint = ''))
        returning request_id
      ), stored as (
        insert into queries
        select q.* from input, jsonb_populate_record(null::queries, input.query) q
        where input.request_id = '' or input.request_id in (select request_id from claimed)
        on conflict (tenant, id, created_at) do nothing
        returning id, label_space, created_at
      ), remembered as (
        insert into customer_history
        select h.* from input join stored using (id), jsonb_populate_record(null::customer_history, input.interaction) h
        where jsonb_typeof(input.interaction) = 'object'
        on conflict (tenant, id) do nothing
        returning id, customer_id
      ), versioned as (
        insert into customer_versions
        select distinct ${tenant}, r.customer_id, i.version from remembered r join input i using (id) order by r.customer_id
        on conflict (tenant, customer_id) do update set version = excluded.version
      ), queued as (
        insert into reviews
        select r.* from input join stored using (id), jsonb_populate_record(null::reviews, input.review || to_jsonb(stored) || ${JSON.stringify({ tenant })}::jsonb) r
        where jsonb_typeof(input.review) = 'object'
        on conflict (tenant, query_id) do nothing
      ), announced as (
        insert into outbox (tenant, event_id, type, subject, payload, created_at)
        select ${tenant}, event->>'id', event->>'type', id, event->'payload', ${at}::timestamptz from input join stored using (id)
        -- It may have been announced before its query's month was dropped.
        on conflict do nothing
      ), ${log.appending(
        sealed.map(({ entry }) => entry),
        sql`(select count(*) from stored) = ${sealed.length}`,
      )}
      select id, id in (select id from remembered) as remembered from stored`,
  );
  const created = new Set(rows.map((row) => row.id));
  if (created.size < sealed.length) await log.append(sealed.flatMap(({ write, entry }) => (created.has(write.id) ? [entry] : [])));
  return { created, remembered: new Set(rows.flatMap((row) => (row.remembered ? [row.id] : []))) };
}

/** What the lines change for each customer. */
function changesOf(items: readonly Item[], customers: ReadonlyMap<string, Customer>, at: Date): Change[] {
  const linesOf = new Map<string, Line[]>();
  for (const { write, query } of items) linesOf.set(write.customer_id, [...(linesOf.get(write.customer_id) ?? []), lineOf(query, at)]);
  return [...linesOf].map(([customerId, lines]) => {
    const from = customers.get(customerId)?.version ?? null;
    return { customerId, from, to: versionAfter(from, at), apply: (history) => withLines(history, lines, at) };
  });
}
