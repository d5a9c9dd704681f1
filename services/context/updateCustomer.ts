import { CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import type { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog } from './auditLog.js';
import type { Cache } from './cache.js';
import type { ContentKeys } from './contentKeys.js';
import { changeVersion } from './customerVersions.js';
import { requireNotErasedSince } from './erasures.js';
import type { Change, FeatureStore } from './featureStore.js';
import { maskedFields } from './fieldMask.js';
import { noteChange } from './noteChange.js';
import { readProfile, writeProfile } from './profileRow.js';
import type { Store } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly now: () => Date;
}

type Field = Exclude<keyof CustomerProfile, 'id'>;
/** Fields by their names in a mask. */
const FIELDS: ReadonlyMap<string, Field> = new Map([
  ['display_name', 'displayName'],
  ['tier', 'tier'],
  ['language', 'language'],
  ['facts', 'facts'],
]);

const NOTHING = CustomerProfile.fromPartial({});

interface Stored {
  readonly customer: CustomerProfile;
  readonly created: boolean;
  /** Absent when it was so before. */
  readonly change?: Change;
}

export const updateCustomer = (parts: Parts): Handler<CustomerServiceDefinition, 'updateCustomer'> => {
  const { store, keys, audit, now } = parts;
  return async ({ customer: given, updateMask, allowMissing }, call) => {
    // When it came: its turn may be after an erasure that it came before.
    const cameAt = now();
    const { tenant, subject: actor } = call.principal;
    const profile = given ?? NOTHING;
    const { id } = profile;
    const named = maskedFields(FIELDS, updateMask, profile);
    const { customer, created, change } = await store.alone(call, async (tx): Promise<Stored> => {
      const log = await audit.open(tx, tenant);
      const before = await readProfile(tx, keys, tenant, id);
      if (!before && !allowMissing) fail('CUSTOMER_NOT_FOUND', { id });
      await requireNotErasedSince(tx, id, cameAt);
      const after = before ? withFields(before, profile, named) : profile;
      if (before && isSame(before, after)) return { customer: before, created: false };
      const at = now();
      const key = (await keys.forWriting(tx, tenant, [id])).get(id)!;
      await writeProfile(tx, key, tenant, after, at);
      const fields = [...FIELDS].flatMap(([name, field]) => (isSame((before ?? NOTHING)[field], after[field]) ? [] : [name])).join(', ');
      await log.append([{ at, actor, action: before ? 'customer.changed' : 'customer.created', subject: id, detail: { fields } }]);
      const versions = await changeVersion(tx, tenant, id, at);
      // The lines stay as they are. The version tells whoever has the old profile that it is old.
      return { customer: after, created: !before, change: { customerId: id, ...versions, apply: (history) => history } };
    });
    if (change) await noteChange(parts, tenant, change);
    return { customer, created, changed: change !== undefined };
  };
};

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The stored profile with the named fields of the given one. */
const withFields = (before: CustomerProfile, given: CustomerProfile, fields: readonly Field[]): CustomerProfile => ({
  ...before,
  ...Object.fromEntries(fields.map((field) => [field, given[field]])),
});
