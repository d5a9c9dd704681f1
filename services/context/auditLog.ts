import { createHash, createHmac } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import type { Principal } from '../../lib/call.js';
import { type AuditEntry, chain, type Head, type Link, ORIGIN } from './auditChain.js';
import { hex } from './sealedQuery.js';
import { rowsOf, type Transaction, turnOf } from './store.js';

/** What is to be written down, with what only the customer's key opens. */
export type Entry = Omit<AuditEntry, 'payloadSha256'> & { readonly payload?: Uint8Array };

/** The end of a tenant's log, in a transaction that is alone there: the chain neither forks nor has gaps. */
export interface OpenLog {
  append(entries: readonly Entry[]): Promise<void>;
  /**
   * The same as members of a `with` of a statement that does more, and comes last: it saves a round trip.
   * @param condition without it nothing is added, and `append` may follow
   */
  appending(entries: readonly Entry[], condition: SQL): SQL;
}

export interface AuditLog {
  /** @param tx alone in the tenant (`store.alone`) */
  open(tx: Transaction, tenant: string): Promise<OpenLog>;
  /** The same of a head that was read already, as `HEAD_COLUMNS`. */
  from(tx: Transaction, tenant: string, head: HeadRow | undefined): OpenLog;
  /** Adds one record at the end of a transaction that touches no customer's rows. */
  note(tx: Transaction, by: Pick<Principal, 'tenant' | 'subject'>, entry: Omit<Entry, 'actor'>): Promise<void>;
  /** What a stored head says. */
  headOf(tenant: string, row: HeadRow): Head;
}

export interface HeadRow {
  readonly position: number | string;
  readonly hash: string;
  readonly mac: string;
}

/** @param key vouches for the ends of the logs: who has the database alone cannot make one */
export function auditLog(key: Uint8Array): AuditLog {
  const macOf = (tenant: string, { position, hash }: Link): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([tenant, position, hash]))
      .digest('hex');

  const from: AuditLog['from'] = (tx, tenant, head) => {
    let end: Link = head ? { position: Number(head.position), hash: head.hash } : ORIGIN;
    const chained = (entries: readonly Entry[]) => chain(tenant, end, entries.map(storable));
    const writing = (records: ReturnType<typeof chained>, condition: SQL): SQL => {
      const last = records.at(-1) ?? end;
      return members(tenant, records, { ...last, mac: macOf(tenant, last) }, condition);
    };
    return {
      appending: (entries, condition) => writing(chained(entries), condition),
      append: async (entries) => {
        if (entries.length === 0) return;
        const records = chained(entries);
        await tx.execute(sql`with ${writing(records, sql`true`)} select 1`);
        end = records.at(-1) ?? end;
      },
    };
  };

  const open: AuditLog['open'] = async (tx, tenant) => {
    const [head] = await rowsOf<HeadRow>(tx, sql`select position, hash, mac from audit_heads where tenant = ${tenant}`);
    return from(tx, tenant, head);
  };

  return {
    open,
    from,
    note: async (tx, by, entry) => {
      await tx.execute(sql.raw(turnOf(by.tenant)));
      await (await open(tx, by.tenant)).append([{ ...entry, actor: by.subject }]);
    },
    headOf: (tenant, { position, hash, mac }) => {
      const link = { position: Number(position), hash };
      return { ...link, genuine: mac === macOf(tenant, link) };
    },
  };
}

/** Postgres' text cannot hold NUL. */
const clean = (text: string): string => text.replaceAll('\0', '\uFFFD');

const storable = ({ payload, ...entry }: Entry) => ({
  ...entry,
  actor: clean(entry.actor),
  subject: clean(entry.subject),
  detail: Object.fromEntries(Object.entries(entry.detail).map(([name, value]) => [name, clean(value)])),
  payload,
  payloadSha256: payload ? createHash('sha256').update(payload).digest('hex') : '',
});

function members(
  tenant: string,
  records: ReturnType<typeof chain<ReturnType<typeof storable>>>,
  head: Link & { readonly mac: string },
  condition: SQL,
): SQL {
  const rows = records.map(({ payload, previousHash, payloadSha256: _, ...row }) => ({
    ...row,
    previous_hash: previousHash,
    payload: payload ? hex(payload) : null,
  }));
  return sql`
    logged as (
      insert into audit_log (tenant, position, at, actor, action, subject, detail, payload, previous_hash, hash)
      select ${tenant}, r.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r(position bigint, at timestamptz, actor text, action text, subject text, detail jsonb, payload bytea, previous_hash text, hash text)
      where ${condition}
    ), ended as (
      insert into audit_heads (tenant, position, hash, mac) select ${tenant}, ${head.position}, ${head.hash}, ${head.mac} where ${condition}
      on conflict (tenant) do update set position = excluded.position, hash = excluded.hash, mac = excluded.mac
    )`;
}
