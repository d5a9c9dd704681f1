import { sql } from 'drizzle-orm';
import { type ContextServiceDefinition, GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { CustomerTier } from '../../gen/replymesh/type/v1/customer.js';
import type { Handler } from '../../lib/server.js';
import { featuresAt, noBehaviour } from './behaviour.js';
import type { Cache } from './cache.js';
import { type CachedContext, fromCache, toCache } from './cachedContext.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { contextKey } from './contextKey.js';
import { countHistory } from './countHistory.js';
import { countLookup, type FeatureStore, type Kept } from './featureStore.js';
import { INTERACTION_COLUMNS, type InteractionRow, interactionOf } from './interactionRow.js';
import { openProfile, type SealedProfile } from './sealedProfile.js';
import { preparedRowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly now: () => Date;
}

const DEFAULT_LIMIT = 5;
/** Most interactions that an answer may ask for: so many are cached, and each answer takes what it wants. */
const MAX_LIMIT = 100;

export const getContext =
  ({ store, cache, features, keys, now }: Parts): Handler<ContextServiceDefinition, 'getContext'> =>
  async ({ customerId, interactionLimit }, call) => {
    if (customerId === '') return { known: false, profile: { ...noProfile, id: '' }, interactions: [], features: noBehaviour };
    const { tenant } = call.principal;
    const name = contextKey(tenant, customerId);
    const keyOf: KeyOf = (wrapped) => keys.read(tenant, customerId, wrapped);
    const [bytes, kept] = await Promise.all([cache.get(name), features.read(tenant, customerId)]);
    const cached = fromCache(customerId, bytes, keyOf);
    // What was written since, by whichever instance, is carried on in the features first.
    const isCurrent = cached !== undefined && (kept === undefined || kept.version <= cached.version);
    const found: Found = isCurrent ? cached : await store.within(call, (tx) => read(tx, customerId, keyOf, kept, now()));
    if (!isCurrent) {
      await cache.set(name, toCache(customerId, found));
      if (found.counted && found.version > 0)
        await features.keep(tenant, customerId, { version: found.version, countedAtMs: now().getTime(), history: found.history });
    }
    const { context, history } = found;
    return {
      ...context,
      interactions: context.interactions.slice(0, interactionLimit || DEFAULT_LIMIT),
      // The last days end now, not when something was kept.
      features: featuresAt(history, context.profile?.tier ?? CustomerTier.UNSPECIFIED, now()),
    };
  };

type KeyOf = (wrapped: Uint8Array | null) => ContentKey | undefined;

const noProfile = { displayName: '', tier: CustomerTier.UNSPECIFIED, language: '', facts: [] };

type Row = {
  readonly wrapped_key: Uint8Array | null;
  /** Null before the mesh has written a line. */
  readonly version: number | null;
  /** Newest first. */
  readonly interactions: InteractionRow[] | null;
  /** All null without a profile. */
} & (SealedProfile | { readonly display_name: null });

type Found = CachedContext & {
  /** Whether the history was counted just now. */
  readonly counted?: boolean;
};

async function read(tx: Transaction, customerId: string, keyOf: KeyOf, kept: Kept | undefined, now: Date): Promise<Found> {
  const [row] = await preparedRowsOf<Row>(
    tx,
    sql`
      select k.wrapped_key, c.display_name, c.facts, c.tier, c.language, v.version::float8 as version,
             (select jsonb_agg(to_jsonb(i)) from (
                select ${INTERACTION_COLUMNS}
                from customer_history where customer_id = ${customerId}
                order by created_at desc, id desc limit ${sql.raw(String(MAX_LIMIT))}) i) as interactions
      from (select ${customerId}::text as id) asked
      left join customers c on c.id = asked.id
      left join customer_keys k on k.customer_id = asked.id
      left join customer_versions v on v.customer_id = asked.id`,
  );
  const key = keyOf(row?.wrapped_key ?? null);
  const stored = key && row && row.display_name !== null ? openProfile(key, customerId, row) : undefined;
  const context = GetContextResponse.fromPartial({
    known: stored !== undefined,
    profile: stored ?? { ...noProfile, id: customerId },
    interactions: (row?.interactions ?? []).map((line) => interactionOf(line, key)),
  });
  const isKept = kept !== undefined && kept.version === row?.version;
  countLookup(isKept ? 'hit' : kept ? 'stale' : 'miss');
  if (isKept) return { context, key, version: kept.version, history: kept.history };
  return { context, key, ...(await countHistory(tx, customerId, now)), counted: true };
}
