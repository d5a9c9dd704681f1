import { createHash, createHmac } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Principal } from '../../lib/call.js';
import { type AuditEntry, chain, type Head, type Link, ORIGIN } from './auditChain.js';
import { hex } from './sealedQuery.js';
import { rowsOf, type Transaction } from './store.js';

/** What is to be written down, with what only the customer's key opens. */
export type Entry = Omit<AuditEntry, 'payloadSha256'> & { readonly payload?: Uint8Array };

/** The end of a tenant's log, locked until the transaction ends: the tenant's other writers wait, so that the chain neither forks nor has gaps. */
export interface OpenLog {
  append(entries: readonly Entry[]): Promise<void>;
}

export interface AuditLog {
  /** Comes first in a transaction that touches customers' rows: an erasure so never meets one that is half done. */
  open(tx: Transaction, tenant: string): Promise<OpenLog>;
  /** Adds one record at the end of a transaction that touches no customer's rows. */
  note(tx: Transaction, by: Pick<Principal, 'tenant' | 'subject'>, entry: Omit<Entry, 'actor'>): Promise<void>;
  /** What a stored head says. */
  head(row: HeadRow, tenant: string): Head;
}

export interface HeadRow extends Link {
  readonly mac: string;
}

/** @param key vouches for the ends of the logs: who has the database alone cannot make one */
export function auditLog(key: Uint8Array): AuditLog {
  const macOf = (tenant: string, { position, hash }: Link): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([tenant, position, hash]))
      .digest('hex');

  const lock = async (tx: Transaction, tenant: string): Promise<Link | undefined> => {
    const [row] = await rowsOf<{ position: string | number; hash: string }>(
      tx,
      sql`select position, hash from audit_heads where tenant = ${tenant} for update`,
    );
    return row && { position: Number(row.position), hash: row.hash };
  };

  const open: AuditLog['open'] = async (tx, tenant) => {
    let last = await lock(tx, tenant);
    if (!last) {
      await tx.execute(
        sql`insert into audit_heads (tenant, position, hash, mac) values (${tenant}, 0, '', ${macOf(tenant, ORIGIN)}) on conflict (tenant) do nothing`,
      );
      last = (await lock(tx, tenant)) ?? ORIGIN;
    }
    let end = last;
    return {
      append: async (entries) => {
        const records = chain(tenant, end, entries.map(storable));
        end = records.at(-1) ?? end;
        if (records.length > 0) await write(tx, tenant, records, { ...end, mac: macOf(tenant, end) });
      },
    };
  };

  return {
    open,
    note: async (tx, by, entry) => (await open(tx, by.tenant)).append([{ ...entry, actor: by.subject }]),
    head: ({ position, hash, mac }, tenant) => ({ position, hash, genuine: mac === macOf(tenant, { position, hash }) }),
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

async function write(
  tx: Transaction,
  tenant: string,
  records: ReturnType<typeof chain<ReturnType<typeof storable>>>,
  head: HeadRow,
): Promise<void> {
  const rows = records.map(({ payload, previousHash, payloadSha256: _, ...row }) => ({
    ...row,
    previous_hash: previousHash,
    payload: payload ? hex(payload) : null,
  }));
  await tx.execute(sql`
    with added as (
      insert into audit_log (tenant, position, at, actor, action, subject, detail, payload, previous_hash, hash)
      select ${tenant}, r.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r(position bigint, at timestamptz, actor text, action text, subject text, detail jsonb, payload bytea, previous_hash text, hash text)
    )
    update audit_heads set position = ${head.position}, hash = ${head.hash}, mac = ${head.mac} where tenant = ${tenant}`);
}
