import { sql } from 'drizzle-orm';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import type { Feedback, FeedbackServiceDefinition, SubmitFeedbackRequest } from '../../gen/replymesh/v1/feedback_service.js';
import type { Call } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog, Entry } from './auditLog.js';
import { withLineChanged } from './behaviour.js';
import type { Cache } from './cache.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { contextKey } from './contextKey.js';
import { changeVersion } from './customerVersions.js';
import type { Payload } from './events.js';
import type { Change, FeatureStore } from './featureStore.js';
import { FEEDBACK_COLUMNS, type FeedbackRow, feedbackOf } from './feedbackRow.js';
import { INTERACTION_COLUMNS, type InteractionRow, interactionOf } from './interactionRow.js';
import { insertLabel } from './labelRow.js';
import { NOTHING_SAID, type SaidLabel, saidLabel } from './saidLabel.js';
import { FEEDBACK_GIVEN, readSaidWords, sealWords } from './saidWords.js';
import { openQuery, QUERIES_AND_KEYS, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;
  readonly now: () => Date;
  readonly newFeedbackId: () => string;
  readonly newLabelId: () => string;
}

export const submitFeedback =
  (parts: Parts): Handler<FeedbackServiceDefinition, 'submitFeedback'> =>
  async (request, call) => {
    const { store, cache, features, keys, audit, now, newFeedbackId, newLabelId } = parts;
    const { tenant, subject: actor } = call.principal;
    // The models are asked before the transaction begins: PGlite has one connection.
    const said = request.correctedIntent === '' ? NOTHING_SAID : await readSaid(parts, request, call);
    const { feedback, customerId, change } = await store.alone(call, async (tx) => {
      const log = await audit.open(tx, tenant);
      const [row] = await rowsOf<About & { wrapped_key: Uint8Array | null }>(
        tx,
        sql`select q.customer_id, q.intent, q.model_version, k.wrapped_key from ${QUERIES_AND_KEYS} where q.id = ${request.queryId}`,
      );
      const { wrapped_key, ...query } = row ?? fail('QUERY_NOT_FOUND', { id: request.queryId });
      const key = keys.read(tenant, query.customer_id, wrapped_key);
      const stored = await insert(tx, tenant, newFeedbackId(), request, said, now());
      let change: Change | undefined;
      if (stored) {
        change = await noteOnInteraction(tx, tenant, request, now());
        await announce(tx, tenant, stored, query);
        if (said.labelSpace !== undefined) {
          const label = { queryId: stored.queryId, labelSpace: said.labelSpace, label: said.intent, labelledBy: actor };
          await insertLabel(tx, { tenant, id: newLabelId(), source: 'feedback', drawn: 'chosen', at: stored.createTime as Date, ...label });
        }
        await log.append([entryOf(stored, request.correctedIntent, actor, key)]);
      }
      return { feedback: stored ?? (await firstAnswer(tx, request, key)), customerId: query.customer_id, change };
    });
    if (change) await features.follow(tenant, [change]);
    if (customerId !== '') await cache.forget([contextKey(tenant, customerId)]);
    return { feedback };
  };

async function readSaid(
  { store, keys, inference }: Parts,
  { queryId, correctedIntent }: SubmitFeedbackRequest,
  call: Call,
): Promise<SaidLabel> {
  const [row] = await store.within(call, (tx) =>
    rowsOf<SealedRecord>(tx, sql`select ${SEALED_RECORD} from ${QUERIES_AND_KEYS} where q.id = ${queryId}`),
  );
  const query = row && openQuery(keys, call.principal.tenant, row);
  return query ? saidLabel(inference, query, correctedIntent, call) : fail('QUERY_NOT_FOUND', { id: queryId });
}

/** What the feedback is about. */
type About = Pick<Payload<'FeedbackReceived'>, 'customer_id' | 'intent' | 'model_version'>;

const entryOf = (feedback: Feedback, words: string, actor: string, key: ContentKey | undefined): Entry => ({
  at: feedback.createTime as Date,
  actor,
  action: FEEDBACK_GIVEN,
  subject: feedback.queryId,
  detail: {
    feedback_id: feedback.id,
    ...(feedback.satisfaction === undefined ? {} : { satisfaction: String(feedback.satisfaction) }),
    ...(feedback.resolved === undefined ? {} : { resolved: String(feedback.resolved) }),
  },
  ...(key && words !== '' ? { payload: sealWords(key, feedback.id, words) } : {}),
});

/** Undefined when this request stored it before. */
async function insert(
  tx: Transaction,
  tenant: string,
  id: string,
  request: SubmitFeedbackRequest,
  said: SaidLabel,
  now: Date,
): Promise<Feedback | undefined> {
  const [row] = await rowsOf<FeedbackRow>(
    tx,
    sql`
      insert into feedback (tenant, id, query_id, request_id, satisfaction, resolved, corrected_intent, created_at)
      values (${tenant}, ${id}, ${request.queryId}, ${request.requestId}, ${request.satisfaction ?? null}, ${request.resolved ?? null},
              ${said.intent}, ${now.toISOString()})
      on conflict (tenant, query_id, request_id) where request_id <> '' do nothing
      returning ${FEEDBACK_COLUMNS}`,
  );
  return row && feedbackOf(row);
}

/** @throws Fault REQUEST_ID_REUSED when this request said something else the first time */
async function firstAnswer(tx: Transaction, request: SubmitFeedbackRequest, key: ContentKey | undefined): Promise<Feedback> {
  const { queryId, requestId, satisfaction, resolved, correctedIntent } = request;
  const [row] = await rowsOf<FeedbackRow>(
    tx,
    sql`select ${FEEDBACK_COLUMNS} from feedback where query_id = ${queryId} and request_id = ${requestId}`,
  );
  const first = row ? feedbackOf(row) : fail('STORE_UNREACHABLE', {});
  // As it was written then: which words are a label may have changed since.
  const words = (await readSaidWords(tx, [queryId], key))(first.id) ?? first.correctedIntent;
  const isSame = first.satisfaction === satisfaction && first.resolved === resolved && words === correctedIntent;
  return isSame ? first : fail('REQUEST_ID_REUSED', { request_id: requestId });
}

/** The customer's history learns what they said. That a matter was handed to a person stays in it: `escalations_total` counts those ever. */
async function noteOnInteraction(
  tx: Transaction,
  tenant: string,
  { queryId, satisfaction, resolved }: SubmitFeedbackRequest,
  now: Date,
): Promise<Change | undefined> {
  if (satisfaction === undefined && resolved === undefined) return undefined;
  const status = resolved === undefined ? null : ResolutionStatus[resolved ? ResolutionStatus.RESOLVED : ResolutionStatus.OPEN];
  const [row] = await rowsOf<{ customer_id: string; before: InteractionRow; after: InteractionRow }>(
    tx,
    sql`
      with before as (select customer_id, ${INTERACTION_COLUMNS} from customer_history where id = ${queryId} and interaction_type = 'QUERY'),
      after as (
        update customer_history set
          satisfaction_score = coalesce(${satisfaction ?? null}::integer, satisfaction_score),
          resolution_status = case when resolution_status = ${ResolutionStatus[ResolutionStatus.ESCALATED]} then resolution_status
                                   else coalesce(${status}::text, resolution_status) end
        where id = ${queryId} and interaction_type = 'QUERY' returning ${INTERACTION_COLUMNS}
      )
      select before.customer_id, to_jsonb(before) as before, to_jsonb(after) as after from before, after`,
  );
  if (!row) return undefined;
  const [before, after] = [interactionOf(row.before), interactionOf(row.after)];
  const versions = await changeVersion(tx, tenant, row.customer_id, now);
  return { customerId: row.customer_id, ...versions, apply: (history) => withLineChanged(history, before, after) };
}

async function announce(tx: Transaction, tenant: string, feedback: Feedback, about: About): Promise<void> {
  const at = (feedback.createTime as Date).toISOString();
  const payload: Payload<'FeedbackReceived'> = {
    feedback_id: feedback.id,
    query_id: feedback.queryId,
    ...about,
    satisfaction: feedback.satisfaction ?? null,
    resolved: feedback.resolved ?? null,
    corrected_intent: feedback.correctedIntent,
    create_time: at,
  };
  await tx.execute(sql`
    insert into outbox (tenant, event_id, type, subject, payload, created_at)
    values (${tenant}, ${`FeedbackReceived/${feedback.id}`}, 'FeedbackReceived', ${feedback.queryId}, ${JSON.stringify(payload)}::jsonb, ${at})`);
}
