import { sql } from 'drizzle-orm';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import {
  type ResolveReviewRequest,
  type Review,
  ReviewOutcome,
  type ReviewServiceDefinition,
} from '../../gen/replymesh/v1/review_service.js';
import type { Call } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog, Entry } from './auditLog.js';
import { refuseClaimed } from './claimReview.js';
import type { ContentKeys } from './contentKeys.js';
import type { Payload } from './events.js';
import { readReview } from './getReview.js';
import { readKnownLabels, requireKnown } from './knownLabels.js';
import { insertLabel } from './labelRow.js';
import { confirmedLabel } from './reviewDraw.js';
import { openReview, type ReviewOfQuery, sealEditedReply } from './reviewRow.js';
import { hex } from './sealedQuery.js';
import type { Store, Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;
  readonly now: () => Date;
  readonly newLabelId: () => string;
}

/** What a person said, checked. */
interface Verdict {
  readonly outcome: 'APPROVED' | 'EDITED' | 'REJECTED';
  /** Empty when they said nothing of it. */
  readonly label: string;
  readonly labelSpace: string;
}

export const resolveReview =
  (parts: Parts): Handler<ReviewServiceDefinition, 'resolveReview'> =>
  async (request, call) => {
    const { store, audit, now } = parts;
    const { tenant } = call.principal;
    const { queryId } = request;
    const read = async (tx: Transaction) => openedOf(parts, tenant, queryId, await readReview(tx, queryId));
    const seen = await store.within(call, read);
    if (isResolved(seen)) return { review: firstAnswer(request, seen) };
    // The models are asked before the transaction begins: PGlite has one connection.
    const verdict = await verdictOf(parts, request, seen.review.query, call);
    const review = await store.alone(call, async (tx) => {
      const log = await audit.open(tx, tenant);
      const found = await read(tx);
      if (isResolved(found)) return firstAnswer(request, found);
      const { row } = found;
      const at = now();
      if (row.claimed_by !== call.principal.subject && (row.claimed_until ?? 0) > at.getTime()) refuseClaimed(row, at);
      const entry = await write(tx, parts, call, { request, query: found.review.query, row, verdict, at });
      await log.append([entry]);
      return (await read(tx)).review;
    });
    return { review };
  };

interface Opened {
  readonly row: ReviewOfQuery;
  readonly review: Review & { readonly query: Query };
}

function openedOf({ keys }: Parts, tenant: string, queryId: string, row: ReviewOfQuery | undefined): Opened {
  const review = row && openReview(keys, tenant, row);
  return row && review ? { row, review } : fail('REVIEW_NOT_FOUND', { id: queryId });
}

const isResolved = ({ review }: Opened): boolean => review.outcome !== ReviewOutcome.UNSPECIFIED;

/** @throws Fault REVIEW_RESOLVED when another request has resolved it, REQUEST_ID_REUSED when this one said something else the first time */
function firstAnswer({ queryId, requestId, outcome, editedReply, label }: ResolveReviewRequest, { row, review }: Opened): Review {
  if (requestId === '' || requestId !== row.request_id) return fail('REVIEW_RESOLVED', { id: queryId });
  // An empty label stands for whatever was concluded from it.
  const isSame = outcome === review.outcome && editedReply === review.editedReply && (label === '' || label === review.label);
  return isSame ? review : fail('REQUEST_ID_REUSED', { request_id: requestId });
}

/** @throws Fault LABEL_UNKNOWN, LABEL_SPACE_UNKNOWN */
async function verdictOf({ inference }: Parts, request: ResolveReviewRequest, query: Query, call: Call): Promise<Verdict> {
  const outcome = ReviewOutcome[request.outcome] as Verdict['outcome'];
  const likely = query.decision?.intents.map((intent) => intent.label) ?? [];
  if (request.label === '') {
    const label = outcome === 'APPROVED' ? confirmedLabel(query.decision) : '';
    return { outcome, label, labelSpace: query.labelSpace };
  }
  // The models have named it themselves.
  if (query.labelSpace !== '' && likely.includes(request.label)) return { outcome, label: request.label, labelSpace: query.labelSpace };
  const known = await readKnownLabels(inference, query.labelSpace, call);
  requireKnown(known, request.label, likely);
  return { outcome, label: request.label, labelSpace: known.space };
}

interface Resolution {
  readonly request: ResolveReviewRequest;
  readonly query: Query;
  readonly row: ReviewOfQuery;
  readonly verdict: Verdict;
  readonly at: Date;
}

async function write(tx: Transaction, { keys, newLabelId }: Parts, call: Call, resolution: Resolution): Promise<Entry> {
  const { request, query, row, verdict, at } = resolution;
  const { tenant, subject } = call.principal;
  const key = keys.read(tenant, row.customer_id, row.wrapped_key);
  const edited = request.editedReply !== '' && key ? sealEditedReply(key, query.id, request.editedReply) : undefined;
  await tx.execute(sql`
    update reviews set outcome = ${verdict.outcome}, label = ${verdict.label}, label_space = ${verdict.labelSpace},
      edited_reply = ${edited ? hex(edited) : null}::bytea, request_id = ${request.requestId}, resolved_by = ${subject}, resolved_at = ${at.toISOString()}
    where query_id = ${query.id}`);
  if (verdict.label !== '') {
    const said = { queryId: query.id, labelSpace: verdict.labelSpace, label: verdict.label, labelledBy: subject, at };
    await insertLabel(tx, { tenant, id: newLabelId(), source: 'review', drawn: row.drawn, ...said });
  }
  await announce(tx, tenant, resolution);
  const detail = { outcome: verdict.outcome, label: verdict.label, drawn: row.drawn };
  return { at, actor: subject, action: 'review.resolved', subject: query.id, detail };
}

async function announce(tx: Transaction, tenant: string, { query, row, verdict, at }: Resolution): Promise<void> {
  const { decision } = query;
  const payload: Payload<'ReviewResolved'> = {
    query_id: query.id,
    customer_id: query.customerId,
    label_space: verdict.labelSpace,
    intent: decision?.intents[0]?.label ?? '',
    model_version: decision?.evidence?.bundleDigest ?? '',
    outcome: verdict.outcome,
    label: verdict.label,
    agreed: verdict.label === '' ? null : verdict.label === confirmedLabel(decision),
    drawn: row.drawn,
    create_time: at.toISOString(),
  };
  await tx.execute(sql`
    insert into outbox (tenant, event_id, type, subject, payload, created_at)
    values (${tenant}, ${`ReviewResolved/${query.id}`}, 'ReviewResolved', ${query.id}, ${JSON.stringify(payload)}::jsonb, ${at.toISOString()})`);
}
