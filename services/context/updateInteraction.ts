import { sql } from 'drizzle-orm';
import { Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import type { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog } from './auditLog.js';
import { withLineChanged } from './behaviour.js';
import type { Cache } from './cache.js';
import type { ContentKeys } from './contentKeys.js';
import { changeVersion } from './customerVersions.js';
import type { Change, FeatureStore } from './featureStore.js';
import { maskedFields } from './fieldMask.js';
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

type Field = 'summary' | 'resolutionStatus' | 'satisfactionScore';
/** Fields by their names in a mask. */
const FIELDS: ReadonlyMap<string, Field> = new Map([
  ['summary', 'summary'],
  ['resolution_status', 'resolutionStatus'],
  ['satisfaction_score', 'satisfactionScore'],
]);

export const updateInteraction = (parts: Parts): Handler<CustomerServiceDefinition, 'updateInteraction'> => {
  const { store, keys, audit, now } = parts;
  return async ({ customerId, interaction, updateMask }, call) => {
    const given = interaction ?? Interaction.fromPartial({});
    const { id } = given;
    const named = maskedFields(FIELDS, updateMask, given);
    const { tenant, subject: actor } = call.principal;
    const { stored, change } = await store.alone(call, async (tx): Promise<{ stored: Interaction; change?: Change }> => {
      const log = await audit.open(tx, tenant);
      const held = await readInteraction(tx, keys, tenant, id);
      // Nobody has a line after their erasure, so that none is brought back.
      if (held?.customerId !== customerId) return fail('INTERACTION_NOT_FOUND', { id, customer_id: customerId });
      const before = held.line;
      const after = withFields(before, given, named);
      const changed = [...FIELDS].flatMap(([name, field]) => (before[field] === after[field] ? [] : [name]));
      if (changed.length === 0) return { stored: before };
      const at = now();
      const key = (await keys.forWriting(tx, tenant, [customerId])).get(customerId)!;
      const summary = sealSummary(key, id, after.summary);
      await replaceLine(tx, { ...after, summary });
      const detail = { ...auditedOf(after, summary), fields: changed.join(', ') };
      await log.append([{ at, actor, action: 'interaction.changed', subject: id, detail }]);
      const versions = await changeVersion(tx, tenant, customerId, at);
      return { stored: after, change: { customerId, ...versions, apply: (history) => withLineChanged(history, before, after) } };
    });
    if (change) await noteChange(parts, tenant, change);
    return { interaction: stored, changed: change !== undefined };
  };
};

/** The stored line with the named fields of the given one. What was escalated stays so: `escalations_total` counts those ever. */
function withFields(before: Interaction, given: Interaction, fields: readonly Field[]): Interaction {
  const after = { ...before, ...Object.fromEntries(fields.map((field) => [field, given[field]])) };
  const { ESCALATED } = ResolutionStatus;
  return before.resolutionStatus === ESCALATED ? { ...after, resolutionStatus: ESCALATED } : after;
}

async function replaceLine(tx: Transaction, line: Interaction): Promise<void> {
  await tx.execute(sql`
    update customer_history
    set summary = ${line.summary}, resolution_status = ${ResolutionStatus[line.resolutionStatus]}, satisfaction_score = ${line.satisfactionScore ?? null}
    where id = ${line.id}`);
}
