import { Channel, CustomerTier, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Action, DecisionReason, PriorityLevel, Query, SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';

/** What one decision writes. The objects are rows as Postgres reads them from JSON, keyed by column. */
export interface DecisionWrite {
  readonly id: string;
  readonly request_id: string;
  readonly fingerprint: string;
  readonly query: Readonly<Record<string, unknown>>;
  /** Null for an unknown customer. */
  readonly interaction: Readonly<Record<string, unknown>> | null;
  readonly event: { readonly id: string; readonly type: string; readonly payload: Readonly<Record<string, unknown>> };
}

/** Postgres' text cannot hold NUL; the record itself keeps it. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD');

/** What a query becomes in the database. @param now when it is stored */
export function decisionWrite(tenant: string, query: Query, fingerprint: string, now: Date): DecisionWrite {
  const { decision } = query;
  const intent = storable(decision?.intents[0]?.label ?? '');
  const escalated = decision?.action === Action.ESCALATE;
  const type = escalated ? 'QueryEscalated' : 'QueryProcessed';
  const createdAt = (query.createTime ?? now).toISOString();
  const columns = {
    customer_id: storable(query.customerId),
    intent,
    confidence: decision?.confidence ?? 0,
    priority: PriorityLevel[decision?.priority?.level ?? 0],
    action: Action[decision?.action ?? 0],
    reason: DecisionReason[decision?.reason ?? 0],
    channel: Channel[query.channel],
    model_version: storable(decision?.evidence?.bundleDigest ?? ''),
  };
  return {
    id: query.id,
    request_id: query.requestId,
    fingerprint,
    query: {
      ...columns,
      tenant,
      id: query.id,
      request_id: query.requestId,
      session_id: storable(query.sessionId),
      query_text: storable(query.text),
      label_space: storable(query.labelSpace),
      sentiment: SentimentLabel[decision?.sentiment?.label ?? 0],
      priority_score: decision?.priority?.score ?? 0,
      response_text: storable(decision?.reply?.text ?? ''),
      response_time_ms: (decision?.timings?.totalUs ?? 0) / 1000,
      escalation_needed: escalated,
      uncertainty_score: decision?.uncertainty?.predictiveEntropy ?? null,
      customer_tier: CustomerTier[decision?.evidence?.features?.tier ?? 0],
      record: `\\x${Buffer.from(Query.encode(query).finish()).toString('hex')}`,
      created_at: createdAt,
      updated_at: now.toISOString(),
    },
    interaction:
      query.customerId === ''
        ? null
        : {
            tenant,
            id: query.id,
            customer_id: columns.customer_id,
            interaction_type: 'QUERY',
            summary: intent,
            resolution_status: ResolutionStatus[statusAfter(decision?.action ?? 0)],
            satisfaction_score: null,
            created_at: createdAt,
          },
    event: {
      id: `${type}/${query.id}`,
      type,
      payload: { query_id: query.id, ...columns, label_space: query.labelSpace, create_time: createdAt },
    },
  };
}

/** How far a matter got when its decision was made. Nobody tells us whether a reply sent unseen was enough, until there is feedback. */
export function statusAfter(action: Action): ResolutionStatus {
  switch (action) {
    case Action.AUTO:
    case Action.UNSPECIFIED:
      return ResolutionStatus.UNSPECIFIED;
    case Action.DRAFT:
      return ResolutionStatus.OPEN;
    case Action.ESCALATE:
      return ResolutionStatus.ESCALATED;
  }
}
