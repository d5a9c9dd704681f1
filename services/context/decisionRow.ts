import type { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { Channel, CustomerTier, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Action, DecisionReason, type MemberVote, PriorityLevel, Query, SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';
import { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { Payload } from './events.js';

/** What one decision writes. The objects are rows as Postgres reads them from JSON, keyed by column. */
export interface DecisionWrite {
  readonly id: string;
  readonly request_id: string;
  readonly fingerprint: string;
  readonly customer_id: string;
  /** Without what a customer's key encrypts. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly texts: QueryTexts;
  /** What the audit log says of it. */
  readonly audited: Readonly<Record<string, string>>;
  /** Null for an unknown customer. */
  readonly interaction: Readonly<Record<string, unknown>> | null;
  readonly event: { readonly id: string; readonly type: string; readonly payload: Payload<'QueryProcessed' | 'QueryEscalated'> };
}

/** What is encrypted of a query. */
export interface QueryTexts {
  readonly text: string;
  readonly reply: string;
  /** The whole `replymesh.type.v1.Query`. */
  readonly record: Uint8Array;
  /** What the decision was made from, as `replymesh.type.v1.DecisionInputs`; absent where it was not kept. */
  readonly inputs?: Uint8Array | undefined;
}

/** Postgres' text cannot hold NUL; the record itself keeps it. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD');

/** The name of an enum's value; a number that a newer caller sent has none here. */
const nameOf = (names: Readonly<Record<number, string>>, value = 0): string => names[value] ?? names[0] ?? '';

type Beside = Pick<RecordDecisionRequest, 'fingerprint' | 'inputs'>;

/** What a query becomes in the database. @param now when it is stored */
export function decisionWrite(tenant: string, query: Query, { fingerprint, inputs }: Beside, now: Date): DecisionWrite {
  const { decision } = query;
  const intent = storable(decision?.intents[0]?.label ?? '');
  const escalated = decision?.action === Action.ESCALATE;
  const type = escalated ? 'QueryEscalated' : 'QueryProcessed';
  const createdAt = (query.createTime ?? now).toISOString();
  // What the row tells and the event too: numbers, labels and ids.
  const columns = {
    customer_id: storable(query.customerId),
    channel: nameOf(Channel, query.channel),
    label_space: storable(query.labelSpace),
    intent,
    sentiment: nameOf(SentimentLabel, decision?.sentiment?.label),
    confidence: decision?.confidence ?? 0,
    uncertainty_score: decision?.uncertainty?.predictiveEntropy ?? null,
    priority: nameOf(PriorityLevel, decision?.priority?.level),
    priority_score: decision?.priority?.score ?? 0,
    action: nameOf(Action, decision?.action),
    reason: nameOf(DecisionReason, decision?.reason),
    response_time_ms: (decision?.timings?.totalUs ?? 0) / 1000,
    customer_tier: nameOf(CustomerTier, decision?.evidence?.features?.tier),
    model_version: storable(decision?.evidence?.bundleDigest ?? ''),
    votes: decision?.evidence?.memberVotes.length ? votesOf(decision.evidence.memberVotes) : null,
  };
  return {
    id: query.id,
    request_id: query.requestId,
    fingerprint,
    customer_id: columns.customer_id,
    query: {
      ...columns,
      tenant,
      id: query.id,
      request_id: query.requestId,
      session_id: storable(query.sessionId),
      escalation_needed: escalated,
      created_at: createdAt,
      updated_at: now.toISOString(),
    },
    audited: {
      action: columns.action,
      reason: columns.reason,
      bundle_digest: columns.model_version,
      policy_version: decision?.evidence?.policyVersion ?? '',
    },
    texts: textsOf(query, inputs),
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
      payload: { query_id: query.id, ...columns, out_of_scope: decision?.outOfScope?.isOutOfScope ?? null, create_time: createdAt },
    },
  };
}

/** What the query counts for in the customer's features, the same as its line in their history. */
export const lineOf = ({ decision, createTime }: Query, now: Date) => ({
  resolutionStatus: statusAfter(decision?.action ?? 0),
  satisfactionScore: undefined,
  createTime: createTime ?? now,
});

const textsOf = (query: Query, inputs: DecisionInputs | undefined): QueryTexts => ({
  text: query.text,
  reply: query.decision?.reply?.text ?? '',
  record: Query.encode(query).finish(),
  inputs: inputs && DecisionInputs.encode(inputs).finish(),
});

/** First choice of each base model by its name. */
const votesOf = (votes: readonly MemberVote[]): Record<string, string> =>
  Object.fromEntries(votes.map(({ member, intents }) => [storable(member), storable(intents[0]?.label ?? '')]));

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
