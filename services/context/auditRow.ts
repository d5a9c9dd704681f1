import { type SQL, sql } from 'drizzle-orm';
import type { AuditRecord } from '../../gen/replymesh/v1/audit_service.js';
import type { Chained } from './auditChain.js';
import { millis } from './store.js';

/** A record of the audit log as `AUDIT_COLUMNS` reads it. */
export interface AuditRow {
  readonly position: number | string;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Record<string, string>;
  readonly payload_sha256: string;
  readonly previous_hash: string;
  readonly hash: string;
}

export const AUDIT_COLUMNS: SQL = sql`
  position, ${millis('at')} as at, actor, action, subject, detail, coalesce(encode(sha256(payload), 'hex'), '') as payload_sha256, previous_hash, hash`;

export const chainedOf = ({ position, at, payload_sha256, previous_hash, ...row }: AuditRow): Chained => ({
  ...row,
  position: Number(position),
  at: new Date(at),
  payloadSha256: payload_sha256,
  previousHash: previous_hash,
});

export const auditRecordOf = ({ at, ...record }: Chained): AuditRecord => ({ ...record, time: at });
