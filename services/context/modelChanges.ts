import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { type InferenceServiceDefinition, type ModelChange, ModelChangeKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import type { AuditLog } from './auditLog.js';
import type { Payload } from './events.js';
import { rowsOf, type Store, type Transaction } from './store.js';

export interface ModelChangesParts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'listModelChanges'>;
}

/** How soon a change is known. */
const POLL_MS = 2000;
/** How soon another instance takes over from one that ended. */
const CLAIM_MS = 5000;
const TIMEOUT_MS = 5000;

/**
 * Writes down every change of the champion for as long as the process runs: in the audit log, as an event and as figures. They are asked for, not sent, so that
 * a change while nothing can be written is written down later, and once.
 */
export function startModelChanges(parts: ModelChangesParts): Closable {
  const stopping = new AbortController();
  const following = follow(parts, stopping.signal);
  return {
    close: async () => {
      stopping.abort();
      await following;
    },
  };
}

async function follow(parts: ModelChangesParts, stopping: AbortSignal): Promise<void> {
  const written = new Set<string>();
  while (!stopping.aborted) {
    try {
      const claim = await parts.store.claim('model changes');
      if (claim === undefined) {
        await pause(CLAIM_MS, stopping);
        continue;
      }
      try {
        const ended = AbortSignal.any([stopping, claim.lost]);
        for (; !ended.aborted; await pause(POLL_MS, ended)) await writeModelChanges(parts, written, ended);
      } finally {
        await claim.release();
      }
    } catch (error) {
      // Inference may be away for a while: the list waits there.
      if (!stopping.aborted && !isUnavailable(error)) log.warn({ error }, 'changes of the models could not be written down: trying again');
      await pause(CLAIM_MS, stopping);
    }
  }
}

/** @param written ids of changes that need not be looked at again */
export async function writeModelChanges(
  { store, audit, inference }: ModelChangesParts,
  written: Set<string>,
  signal?: AbortSignal,
): Promise<void> {
  const within = background({ tenant: 'replymesh', timeoutMs: TIMEOUT_MS, ...(signal ? { signal } : {}) });
  const { changes } = await inference.listModelChanges({}, { within });
  for (const change of changes) {
    if (written.has(change.id) || change.tenant === '') continue;
    // The row of the audit log stays for ever, so that by it a change is known that was written down.
    await store.alone(background({ tenant: change.tenant, timeoutMs: TIMEOUT_MS }), async (tx) => {
      const known = await rowsOf(tx, sql`select from audit_log where subject = ${change.digest} and detail->>'change_id' = ${change.id}`);
      if (known.length === 0) await writeDown(tx, audit, change);
    });
    written.add(change.id);
  }
}

async function writeDown(tx: Transaction, audit: AuditLog, change: ModelChange): Promise<void> {
  const { id, tenant, actor, digest, previousDigest, kind, name, version, figures } = change;
  const time = change.time as Date;
  const at = time.toISOString();
  const payload: Payload<'ModelPromoted'> = {
    change_id: id,
    kind: ModelChangeKind[kind],
    bundle_digest: digest,
    previous_digest: previousDigest,
    model_name: name,
    bundle_version: version,
    create_time: at,
  };
  await tx.execute(sql`
    insert into outbox (tenant, event_id, type, subject, payload, created_at)
    values (${tenant}, ${`ModelPromoted/${id}`}, 'ModelPromoted', ${digest}, ${JSON.stringify(payload)}::jsonb, ${at})
    on conflict do nothing`);
  await tx.execute(sql`
    insert into model_performance (tenant, id, model_name, model_version, metric_name, metric_value, evaluation_date)
    select ${tenant}, ${id} || '/' || f.label_space || '/' || f.name, ${name} || '/' || f.label_space, ${digest}, f.name, f.value, ${at}
    from jsonb_to_recordset(${JSON.stringify(figures.map((f) => ({ label_space: f.labelSpace, name: f.name, value: f.value })))}::jsonb)
      as f(label_space text, name text, value float8)
    on conflict do nothing`);
  const log = await audit.open(tx, tenant);
  const action = kind === ModelChangeKind.ROLLED_BACK ? 'model.rolled_back' : 'model.promoted';
  await log.append([{ at: time, actor, action, subject: digest, detail: { change_id: id, previous_digest: previousDigest, version } }]);
}

/** Ends early with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => wait(ms, undefined, { signal }).catch(() => {});
