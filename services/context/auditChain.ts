import { createHash } from 'node:crypto';
import { AuditProblem } from '../../gen/replymesh/v1/audit_service.js';

/** Something that was done. Its detail holds ids, numbers and labels: it outlives the customer's words. */
export interface AuditEntry {
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, string>>;
  /** Lower-case hexadecimal; empty without a payload. */
  readonly payloadSha256: string;
}

/** A place in the log. */
export interface Link {
  /** 0 before the first record. */
  readonly position: number;
  readonly hash: string;
}
export type Chained<E extends AuditEntry = AuditEntry> = E & Link & { readonly previousHash: string };

/** Before the first record. */
export const ORIGIN: Link = { position: 0, hash: '' };

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);

/** As the contract says it of `AuditRecord`, so that anybody can compute it. */
export function hashOf(tenant: string, record: Omit<Chained, 'hash'>): string {
  const { position, previousHash, at, actor, action, subject, detail, payloadSha256 } = record;
  const hashed = [
    tenant,
    position,
    previousHash,
    at.toISOString(),
    actor,
    action,
    subject,
    Object.entries(detail).sort(byName),
    payloadSha256,
  ];
  return createHash('sha256').update(JSON.stringify(hashed)).digest('hex');
}

/** The entries as the records that follow `last`. */
export function chain<E extends AuditEntry>(tenant: string, last: Link, entries: readonly E[]): Chained<E>[] {
  const records: Chained<E>[] = [];
  let before = last;
  for (const entry of entries) {
    const record = { ...entry, position: before.position + 1, previousHash: before.hash };
    before = { position: record.position, hash: hashOf(tenant, record) };
    records.push({ ...record, hash: before.hash });
  }
  return records;
}

export interface Fault {
  readonly position: number;
  readonly problem: AuditProblem;
}

/** The first of these records, in the order of their positions, that is not what was written after `before`. */
export function firstFault(tenant: string, before: Link, records: readonly Chained[]): Fault | undefined {
  let last = before;
  for (const record of records) {
    if (record.position !== last.position + 1) return { position: last.position + 1, problem: AuditProblem.MISSING };
    if (record.hash !== hashOf(tenant, record)) return { position: record.position, problem: AuditProblem.CHANGED };
    // It holds in itself, so that it was made when the one before was another.
    if (record.previousHash !== last.hash) return { position: Math.max(1, last.position), problem: AuditProblem.REPLACED };
    last = record;
  }
  return undefined;
}

/** What the head says of where the log ends. */
export interface Head extends Link {
  /** Whether the mesh has written it. */
  readonly genuine: boolean;
}

/** Whether a log whose last record is `last` ends where its head says. @param head absent where nothing was ever written */
export function endFault(last: Link, head: Head | undefined): Fault | undefined {
  if (!head && last.position === 0) return undefined;
  if (!head?.genuine) return { position: head?.position ?? last.position, problem: AuditProblem.END_FORGED };
  if (last.position < head.position) return { position: last.position + 1, problem: AuditProblem.MISSING };
  if (last.position > head.position) return { position: head.position + 1, problem: AuditProblem.ADDED };
  return last.hash === head.hash ? undefined : { position: last.position, problem: AuditProblem.REPLACED };
}
