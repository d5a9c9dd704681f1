import { sql } from 'drizzle-orm';
import { type ContextServiceDefinition, GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { CustomerTier } from '../../gen/replymesh/type/v1/customer.js';
import type { Handler } from '../../lib/server.js';
import { behaviour, noBehaviour } from './behaviour.js';
import type { Cache } from './cache.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { contextKey } from './contextKey.js';
import { INTERACTION_COLUMNS, type InteractionRow, interactionOf } from './interactionRow.js';
import { openProfile, type SealedProfile } from './sealedProfile.js';
import { rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly keys: ContentKeys;
  readonly now: () => Date;
}

const DEFAULT_LIMIT = 5;
/** Most interactions that an answer may ask for: so many are cached, and each answer takes what it wants. */
const MAX_LIMIT = 100;
/** Most recent interactions that the behavioural features count; only a customer with more than this sees a total that stops growing. */
const HISTORY_LIMIT = 5000;

export const getContext =
  ({ store, cache, keys, now }: Parts): Handler<ContextServiceDefinition, 'getContext'> =>
  async ({ customerId, interactionLimit }, call) => {
    if (customerId === '') return { known: false, profile: { ...noProfile, id: '' }, interactions: [], features: noBehaviour };
    const { tenant } = call.principal;
    const name = contextKey(tenant, customerId);
    const keyOf: KeyOf = (wrapped) => keys.read(tenant, customerId, wrapped);
    const cached = fromCache(customerId, await cache.get(name), keyOf);
    const { context, key } = cached ?? (await store.within(call, (tx) => read(tx, customerId, keyOf, now())));
    if (!cached) await cache.set(name, toCache(customerId, context, key));
    return { ...context, interactions: context.interactions.slice(0, interactionLimit || DEFAULT_LIMIT) };
  };

type KeyOf = (wrapped: Uint8Array | null) => ContentKey | undefined;

interface Found {
  readonly context: GetContextResponse;
  /** Absent where nothing of the customer is encrypted: ids, numbers and labels alone. */
  readonly key: ContentKey | undefined;
}

/** Redis may keep copies of its own: there, too, a name or fact stands encrypted alone, after the wrapped key and its length. */
function toCache(customerId: string, context: GetContextResponse, key: ContentKey | undefined): Uint8Array {
  const bytes = GetContextResponse.encode(context).finish();
  return key
    ? Buffer.concat([Buffer.of(key.wrapped.length), key.wrapped, key.seal('context', customerId, bytes)])
    : Buffer.concat([Buffer.of(0), bytes]);
}

/** What is not as `toCache` made it, for example by another version, counts as nothing. */
function fromCache(customerId: string, cached: Uint8Array | undefined, keyOf: KeyOf): Found | undefined {
  if (!cached?.length) return undefined;
  const from = 1 + cached[0]!;
  const bytes = cached.subarray(from);
  try {
    const key = from === 1 ? undefined : keyOf(cached.subarray(1, from));
    return { context: GetContextResponse.decode(key ? key.open('context', customerId, bytes) : bytes), key };
  } catch {
    return undefined;
  }
}

const noProfile = { displayName: '', tier: CustomerTier.UNSPECIFIED, language: '', facts: [] };

type Row = {
  readonly wrapped_key: Uint8Array | null;
  /** Newest first. */
  readonly interactions: InteractionRow[] | null;
  /** All null without a profile. */
} & (SealedProfile | { readonly display_name: null });

async function read(tx: Transaction, customerId: string, keyOf: KeyOf, now: Date): Promise<Found> {
  const [row] = await rowsOf<Row>(
    tx,
    sql`
      select k.wrapped_key, c.display_name, c.facts, c.tier, c.language,
             (select jsonb_agg(to_jsonb(i)) from (
                select ${INTERACTION_COLUMNS}
                from customer_history where customer_id = ${customerId}
                order by created_at desc, id desc limit ${HISTORY_LIMIT}) i) as interactions
      from (select ${customerId}::text as id) asked
      left join customers c on c.id = asked.id
      left join customer_keys k on k.customer_id = asked.id`,
  );
  const interactions = (row?.interactions ?? []).map(interactionOf);
  const key = keyOf(row?.wrapped_key ?? null);
  const stored = key && row && row.display_name !== null ? openProfile(key, customerId, row) : undefined;
  const profile = stored ?? { ...noProfile, id: customerId };
  const context = {
    known: stored !== undefined,
    profile,
    interactions: interactions.slice(0, MAX_LIMIT),
    features: behaviour(interactions, profile.tier, now),
  };
  return { context, key };
}
