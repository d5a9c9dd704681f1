import { sql } from 'drizzle-orm';
import { type CustomerProfile, CustomerTier, FactType } from '../../gen/replymesh/type/v1/customer.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { openProfile, type SealedProfile, sealProfile } from './sealedProfile.js';
import { hex } from './sealedQuery.js';
import { rowsOf, type Transaction } from './store.js';

/** A customer's profile; undefined when none is stored, or its key is gone. */
export async function readProfile(
  tx: Transaction,
  keys: ContentKeys,
  tenant: string,
  customerId: string,
): Promise<CustomerProfile | undefined> {
  const [row] = await rowsOf<SealedProfile & { wrapped_key: Uint8Array | null }>(
    tx,
    sql`
      select c.display_name, c.facts, c.tier, c.language, k.wrapped_key
      from customers c left join customer_keys k on k.tenant = c.tenant and k.customer_id = c.id where c.id = ${customerId}`,
  );
  const key = row && keys.read(tenant, customerId, row.wrapped_key);
  return row && key ? openProfile(key, customerId, row) : undefined;
}

/** Stores a profile in the place of what is there. The transaction has the tenant's turn. */
export async function writeProfile(tx: Transaction, key: ContentKey, tenant: string, profile: CustomerProfile, now: Date): Promise<void> {
  const { id, displayName, tier, language } = profile;
  const facts = profile.facts.map((fact) => ({ key: fact.key, value: fact.value, type: FactType[fact.type] }));
  const sealed = sealProfile(key, id, { display_name: displayName, facts });
  const at = now.toISOString();
  await tx.execute(sql`
    insert into customers (tenant, id, display_name, tier, language, facts, created_at, updated_at)
    values (${tenant}, ${id}, ${hex(sealed.display_name)}::bytea, ${CustomerTier[tier]}, ${language}, ${hex(sealed.facts)}::bytea, ${at}, ${at})
    on conflict (tenant, id) do update set
      display_name = excluded.display_name, tier = excluded.tier, language = excluded.language, facts = excluded.facts, updated_at = excluded.updated_at`);
}
