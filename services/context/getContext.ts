import { sql } from 'drizzle-orm';
import { type ContextServiceDefinition, GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { type CustomerProfile, CustomerTier, FactType, type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import type { Handler } from '../../lib/server.js';
import { behaviour, noBehaviour } from './behaviour.js';
import type { Cache } from './cache.js';
import { contextKey } from './contextKey.js';
import { rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly now: () => Date;
}

const DEFAULT_LIMIT = 5;
/** Most interactions that an answer may ask for: so many are cached, and each answer takes what it wants. */
const MAX_LIMIT = 100;
/** Most recent interactions that the behavioural features count; only a customer with more than this sees a total that stops growing. */
const HISTORY_LIMIT = 5000;

export const getContext =
  ({ store, cache, now }: Parts): Handler<ContextServiceDefinition, 'getContext'> =>
  async ({ customerId, interactionLimit }, call) => {
    if (customerId === '') return { known: false, profile: { ...unknown, id: '' }, interactions: [], features: noBehaviour };
    const key = contextKey(call.principal.tenant, customerId);
    const cached = await cache.get(key);
    const context = cached ? GetContextResponse.decode(cached) : await store.within(call, (tx) => read(tx, customerId, now()));
    if (!cached) await cache.set(key, GetContextResponse.encode(context).finish());
    return { ...context, interactions: context.interactions.slice(0, interactionLimit || DEFAULT_LIMIT) };
  };

const unknown: Omit<CustomerProfile, 'id'> = { displayName: '', tier: CustomerTier.UNSPECIFIED, language: '', facts: [] };

interface Row {
  readonly profile: { display_name: string; tier: string; language: string; facts: { key: string; value: string; type: string }[] } | null;
  /** Newest first. */
  readonly interactions: { id: string; type: string; summary: string; status: string; score: number | null; at: number }[] | null;
}

async function read(tx: Transaction, customerId: string, now: Date): Promise<GetContextResponse> {
  const [row] = await rowsOf<Row>(
    tx,
    sql`
      select (select jsonb_build_object('display_name', display_name, 'tier', tier, 'language', language, 'facts', facts)
              from customers where id = ${customerId}) as profile,
             (select jsonb_agg(to_jsonb(i)) from (
                select id, interaction_type as type, summary, resolution_status as status, satisfaction_score as score, extract(epoch from created_at) * 1000 as at
                from customer_history where customer_id = ${customerId}
                order by created_at desc, id desc limit ${HISTORY_LIMIT}) i) as interactions`,
  );
  const interactions = (row?.interactions ?? []).map(interactionOf);
  const profile = { id: customerId, ...(row?.profile ? profileOf(row.profile) : unknown) };
  return {
    known: row?.profile != null,
    profile,
    interactions: interactions.slice(0, MAX_LIMIT),
    features: behaviour(interactions, profile.tier, now),
  };
}

const profileOf = (row: NonNullable<Row['profile']>): Omit<CustomerProfile, 'id'> => ({
  displayName: row.display_name,
  tier: CustomerTier[row.tier as keyof typeof CustomerTier],
  language: row.language,
  facts: row.facts.map(({ key, value, type }) => ({ key, value, type: FactType[type as keyof typeof FactType] })),
});

const interactionOf = (row: NonNullable<Row['interactions']>[number]): Interaction => ({
  id: row.id,
  type: row.type,
  summary: row.summary,
  resolutionStatus: ResolutionStatus[row.status as keyof typeof ResolutionStatus],
  satisfactionScore: row.score ?? undefined,
  createTime: new Date(row.at),
});
