import { type SQL, sql } from 'drizzle-orm';

/** A place in the outbox, in the order that events are read in. */
export interface Place {
  readonly transactionId: string;
  readonly position: number;
}
/** Events after a place, up to and with another; without that one all that the transaction sees. */
export interface Span {
  readonly after: Place;
  readonly upTo?: Place;
}
/** One hour of one tenant's messages. */
export interface TenantHour {
  readonly tenant: string;
  readonly from: Date;
  readonly to: Date;
}

/** What messages are told apart by, and what is added up over them; the columns of `analytics_counts`. */
export const KEYS = ['label_space', 'intent', 'channel'] as const;
const QUERY_SUMS = [
  'queries',
  'auto',
  'draft',
  'escalated',
  'no_source',
  'unsupported_sentence',
  'out_of_scope',
  'understood',
  'confidence_sum',
  'uncertainty_sum',
  'timed',
  'response_time_ms_sum',
] as const;
const FEEDBACK_SUMS = [
  'with_feedback',
  'resolved',
  'unresolved',
  'resolution_seconds_sum',
  'satisfaction_count',
  'satisfaction_sum',
  'corrected',
] as const;
export const COUNT_SUMS = [...QUERY_SUMS, ...FEEDBACK_SUMS] as const;
export type CountSum = (typeof COUNT_SUMS)[number];

export const list = (columns: readonly string[], each = (column: string): string => column): SQL => sql.raw(columns.map(each).join(', '));

const placeOf = (alias: string): SQL => sql.raw(`(${alias}.transaction_id, ${alias}.position)`);
const at = ({ transactionId, position }: Place): SQL => sql`(${transactionId}::xid8, ${position}::bigint)`;
const inSpan = (alias: string, { after, upTo }: Span): SQL =>
  upTo ? sql`${placeOf(alias)} > ${at(after)} and ${placeOf(alias)} <= ${at(upTo)}` : sql`${placeOf(alias)} > ${at(after)}`;

/** What is counted of message `q`. */
const MESSAGE = list(
  [...KEYS, 'action', 'reason', 'model_version', 'confidence', 'uncertainty_score', 'response_time_ms', 'votes'],
  (column) => `q.${column}`,
);
const QUERY_EVENTS = sql.raw(`('QueryProcessed', 'QueryEscalated')`);

/** The messages of these events, each with what is counted of it. From the events themselves: what an erasure took meanwhile is counted all the same. */
export const recordedQueries = (span: Span): SQL => sql`
  select o.tenant, q.create_time as at, ${MESSAGE}
  from outbox o
  cross join lateral jsonb_to_record(o.payload) as q(
    create_time timestamptz, label_space text, intent text, channel text, action text, reason text, model_version text,
    confidence float8, uncertainty_score float8, response_time_ms float8, votes jsonb)
  where ${inSpan('o', span)} and o.type in ${QUERY_EVENTS}
    -- One that lacks what every message has counts for nothing, rather than stop the count.
    and (q.create_time, q.label_space, q.intent, q.channel, q.model_version, q.confidence) is not null`;

/** The same of messages as they are stored, except those whose events come after this place. */
export const storedQueries = ({ tenant, from, to }: TenantHour, known: Place): SQL => sql`
  select q.tenant, q.created_at as at, ${MESSAGE}
  from queries q
  where q.tenant = ${tenant} and q.created_at >= ${from.toISOString()}::timestamptz and q.created_at < ${to.toISOString()}::timestamptz
    and not exists (
      select from outbox o where o.tenant = q.tenant and o.subject = q.id and o.type in ${QUERY_EVENTS} and ${inSpan('o', { after: known })})`;

/** What each message adds to the counts before anybody has said anything of it. */
export const countsOf = (queries: SQL): SQL => sql`
  select tenant, at, ${list(KEYS)},
    1 as queries,
    ${list(['AUTO', 'DRAFT'], (action) => `(action = '${action}')::int as ${action.toLowerCase()}`)}, (action = 'ESCALATE')::int as escalated,
    ${list(['NO_SOURCE', 'UNSUPPORTED_SENTENCE', 'OUT_OF_SCOPE'], (reason) => `(reason = '${reason}')::int as ${reason.toLowerCase()}`)},
    (uncertainty_score is not null)::int as understood,
    case when uncertainty_score is null then 0 else confidence end as confidence_sum,
    coalesce(uncertainty_score, 0) as uncertainty_sum,
    (response_time_ms > 0)::int as timed,
    greatest(response_time_ms, 0) as response_time_ms_sum,
    ${list(FEEDBACK_SUMS, (column) => `0 as ${column}`)}
  from (${queries}) q`;

/** Which bin of each histogram a message is in, from 1; null in none. The bins are those of `analyticsBins.ts`. */
export const binsOf = (queries: SQL): SQL => sql`
  select tenant, at, label_space, intent, channel,
    case when uncertainty_score is not null then least(20, 1 + floor(confidence * 20)) end as confidence,
    case when uncertainty_score is not null then least(20, 1 + floor(uncertainty_score * 4)) end as uncertainty,
    case when response_time_ms > 0 then least(64, greatest(1, ceil(ln(response_time_ms) / ln(2.0::float8) * 4))) end as response_time
  from (${queries}) q`;

/** What each base model's first choice was. */
export const votesOf = (queries: SQL): SQL => sql`
  select q.tenant, q.at, q.label_space, q.model_version, v.member, 1 as votes, (v.label = q.intent)::int as agreed
  from (${queries}) q cross join lateral jsonb_each_text(q.votes) as v(member, label)`;

/**
 * What people have said of message `q`, as it is added to the counts: always one row. The last word counts, on each question by itself.
 * @param heard which events of feedback (`e`, null once they are forgotten) count. Each is looked up by its id: a limit forbids any other plan.
 */
const words = (heard: SQL): SQL => sql`
  select (said > 0)::int as with_feedback,
    coalesce(resolved, false)::int as resolved,
    coalesce(not resolved, false)::int as unresolved,
    case when resolved then greatest(0, extract(epoch from decided_at - q.created_at)::float8) else 0 end as resolution_seconds_sum,
    (satisfaction is not null)::int as satisfaction_count,
    coalesce(satisfaction, 0) as satisfaction_sum,
    coalesce(corrected_intent <> q.intent, false)::int as corrected
  from (
    select count(*) as said, ${last('resolved', 'f.resolved is not null')} as resolved, ${last('created_at', 'f.resolved is not null')} as decided_at,
      ${last('satisfaction', 'f.satisfaction is not null')} as satisfaction,
      ${last('corrected_intent', `f.corrected_intent <> ''`)} as corrected_intent
    from feedback f left join lateral (
      select transaction_id, position from outbox where tenant = f.tenant and event_id = 'FeedbackReceived/' || f.id limit 1
    ) e on true
    where f.tenant = q.tenant and f.query_id = q.id and (${heard})
  ) last_words`;

function last(column: string, where: string): SQL {
  return sql.raw(`(array_agg(f.${column} order by f.created_at desc, f.id desc) filter (where ${where}))[1]`);
}

const before = (place: Place): SQL => sql`e.position is null or ${placeOf('e')} <= ${at(place)}`;

/** What the feedback of these events changes in the counts of its messages' hours, however long ago they were. */
export const changesOfFeedback = (span: Span): SQL => sql`
  select q.tenant, q.created_at as at, ${list(KEYS, (key) => `q.${key}`)},
    ${list(QUERY_SUMS, (column) => `0 as ${column}`)},
    ${list(FEEDBACK_SUMS, (column) => `heard.${column} - known.${column} as ${column}`)}
  from (select distinct o.tenant, o.subject from outbox o where ${inSpan('o', span)} and o.type = 'FeedbackReceived') told
  cross join lateral (
    select tenant, id, created_at, ${list(KEYS)} from queries where tenant = told.tenant and id = told.subject limit 1
  ) q
  cross join lateral (${words(before(span.after))}) known
  cross join lateral (${words(span.upTo ? before(span.upTo) : sql`true`)}) heard`;

/** What all feedback up to a place adds to the counts of stored messages. */
export const storedFeedback = ({ tenant, from, to }: TenantHour, known: Place): SQL => sql`
  select q.tenant, q.created_at as at, ${list(KEYS, (key) => `q.${key}`)},
    ${list(QUERY_SUMS, (column) => `0 as ${column}`)},
    ${list(FEEDBACK_SUMS, (column) => `heard.${column}`)}
  from queries q cross join lateral (${words(before(known))}) heard
  where q.tenant = ${tenant} and q.created_at >= ${from.toISOString()}::timestamptz and q.created_at < ${to.toISOString()}::timestamptz
    and exists (select from feedback f where f.tenant = q.tenant and f.query_id = q.id)`;
