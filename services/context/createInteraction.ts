import { sql } from 'drizzle-orm';
import { ResourceInfo } from 'nice-grpc-error-details';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import type { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { fail } from '../errors.js';
import type { AuditLog } from './auditLog.js';
import { withLines } from './behaviour.js';
import type { Cache } from './cache.js';
import type { ContentKeys } from './contentKeys.js';
import { changeVersion } from './customerVersions.js';
import { requireNotErasedSince } from './erasures.js';
import type { Change, FeatureStore } from './featureStore.js';
import { auditedOf, readInteraction, sealSummary } from './interactionRow.js';
import { noteChange } from './noteChange.js';
import type { Store, Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly now: () => Date;
}

/** Clocks of two machines may be so far apart. */
const AHEAD_MS = 60_000;
/** The database holds earlier times, the contract does not. */
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');
/** Any UUID that is theirs alone. */
const OF_REQUESTS = '3c0f8f2e-5f0e-4f7e-9a58-6f1f0c6b6c0d';

/** The same request makes the same id, so that the table's key lets one line of it in. */
const idOf = (requestId: string): string => `int_${requestId === '' ? uuidv7() : uuidv5(requestId, OF_REQUESTS)}`;

export const createInteraction = (parts: Parts): Handler<CustomerServiceDefinition, 'createInteraction'> => {
  const { store, audit, keys, now } = parts;
  return async ({ customerId, interaction, requestId }, call) => {
    // When it came: its turn may be after an erasure that it came before.
    const cameAt = now();
    const given = interaction ?? Interaction.fromPartial({});
    const createTime = given.createTime ?? cameAt;
    if (createTime.getTime() < YEAR_1 || createTime.getTime() > cameAt.getTime() + AHEAD_MS)
      requireNone([{ field: 'interaction.create_time', description: 'must be a time of the years from 1 on, and not in the future' }]);
    const line: Interaction = { ...given, id: idOf(requestId), createTime };
    const { tenant, subject: actor } = call.principal;
    const { stored, change } = await store.alone(call, async (tx): Promise<{ stored: Interaction; change?: Change }> => {
      const log = await audit.open(tx, tenant);
      const held = await readInteraction(tx, keys, tenant, line.id);
      if (held) {
        const isTheirs = held.customerId === customerId;
        if (isTheirs && isRepeated(held.line, given)) return { stored: held.line };
        return fail('REQUEST_ID_REUSED', { request_id: requestId }, isTheirs ? [standing(line.id)] : []);
      }
      await requireNotErasedSince(tx, customerId, createTime < cameAt ? createTime : cameAt);
      const at = now();
      const key = (await keys.forWriting(tx, tenant, [customerId])).get(customerId)!;
      const summary = sealSummary(key, line.id, line.summary);
      await insertLine(tx, tenant, customerId, { ...line, summary });
      await log.append([{ at, actor, action: 'interaction.created', subject: line.id, detail: auditedOf(line, summary) }]);
      const versions = await changeVersion(tx, tenant, customerId, at);
      return { stored: line, change: { customerId, ...versions, apply: (history) => withLines(history, [line], at) } };
    });
    if (change) await noteChange(parts, tenant, change);
    return { interaction: stored, created: change !== undefined };
  };
};

/** Names the line that stands, so that the caller can change that one. */
const standing = (id: string) => ResourceInfo.fromPartial({ resourceType: 'replymesh.type.v1.Interaction', resourceName: id });

/** Whether this is what was stored. Without a time it was stored with that of its first call. */
const isRepeated = (held: Interaction, given: Interaction): boolean =>
  held.type === given.type &&
  held.summary === given.summary &&
  held.resolutionStatus === given.resolutionStatus &&
  held.satisfactionScore === given.satisfactionScore &&
  (given.createTime === undefined || held.createTime?.getTime() === given.createTime.getTime());

async function insertLine(tx: Transaction, tenant: string, customerId: string, line: Interaction): Promise<void> {
  await tx.execute(sql`
    insert into customer_history (tenant, id, customer_id, interaction_type, summary, resolution_status, satisfaction_score, created_at)
    values (${tenant}, ${line.id}, ${customerId}, ${line.type}, ${line.summary}, ${ResolutionStatus[line.resolutionStatus]},
            ${line.satisfactionScore ?? null}, ${(line.createTime as Date).toISOString()})`);
}
