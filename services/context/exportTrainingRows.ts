import { sql } from 'drizzle-orm';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { Draw } from '../../gen/replymesh/v1/review_service.js';
import type {
  ExportTrainingRowsRequest,
  ExportTrainingRowsResponse,
  RandomSample,
  TrainingRow,
  TrainingServiceDefinition,
} from '../../gen/replymesh/v1/training_service.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog } from './auditLog.js';
import type { ContentKeys } from './contentKeys.js';
import { type KnownLabels, readKnownLabels } from './knownLabels.js';
import { howManyFit } from './listQueries.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import type { PseudonymOf } from './pseudonym.js';
import { OUT_OF_SCOPE } from './reviewDraw.js';
import { STANDS_FIRST } from './standingLabel.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;
  readonly pseudonymOf: PseudonymOf;
  readonly now: () => Date;
}

/** Messages of one answer. */
const BATCH = 200;
/** Share of the call's time after which no other batch is begun. */
const SHARE = 0.6;

export const exportTrainingRows = (parts: Parts): Handler<TrainingServiceDefinition, 'exportTrainingRows'> =>
  async function* (request, call): AsyncGenerator<ExportTrainingRowsResponse> {
    const { store, keys, audit, inference, now } = parts;
    const { tenant } = call.principal;
    const begun = Date.now();
    const enough = begun + SHARE * (call.deadline.getTime() - begun);
    const scope = scopeOf(tenant, request);
    let after = request.pageToken === '' ? '' : idIn(scope, request.pageToken);
    const known = await readKnownLabels(inference, request.labelSpace, call);
    const sample = await store.within(call, async (tx) => {
      const detail = { since: request.startTime?.toISOString() ?? '', draw: Draw[request.draw] ?? '', after };
      const counted = await countSample(tx, known);
      await audit.note(tx, call.principal, { at: now(), action: 'training.exported', subject: request.labelSpace, detail });
      return counted;
    });
    for (let more = true; more; ) {
      const read = await store.within(call, (tx) => readLabelled(tx, request, known, after));
      const page = read.slice(0, howManyFit(read.slice(0, BATCH).map((row) => ({ record: row.query_text ?? Buffer.alloc(0) }))));
      more = read.length > page.length;
      after = page.at(-1)?.query_id ?? after;
      yield {
        rows: page
          .flatMap((row) => rowOf({ ...parts, keys }, tenant, known, row) ?? [])
          .filter(({ draw }) => !request.draw || draw === request.draw),
        nextPageToken: more ? pageTokenOf(scope, [after]) : '',
        sample,
        servedBundleDigest: known.bundleDigest,
      };
      if (Date.now() > enough) return;
    }
  };

const scopeOf = (tenant: string, { labelSpace, startTime, draw }: ExportTrainingRowsRequest): PageScope => ({
  tenant,
  list: 'training rows',
  filter: { space: labelSpace, start: startTime?.getTime(), draw },
});

function idIn(scope: PageScope, token: string): string {
  const [id, ...more] = keyOf(scope, token) ?? [];
  return typeof id === 'string' && more.length === 0 ? id : fail('PAGE_TOKEN_INVALID', {});
}

interface Labelled {
  readonly query_id: string;
  readonly id: string;
  readonly label: string;
  readonly source: string;
  readonly drawn: 'random' | 'chosen';
  readonly labelled_by: string;
  readonly labelled_at: number;
  readonly said: number;
  /** Null when the message is gone. */
  readonly query_text: Uint8Array | null;
  readonly customer_id: string | null;
  readonly wrapped_key: Uint8Array | null;
  readonly intent: string | null;
  readonly model_version: string | null;
}

/**
 * The label that stands for each message that was labelled since, with the message: an older one may stand against the new.
 * Gone ones are among them, so that a page of those is not taken for the end.
 */
const readLabelled = (
  tx: Transaction,
  { startTime }: ExportTrainingRowsRequest,
  { names }: KnownLabels,
  after: string,
): Promise<Labelled[]> =>
  rowsOf<Labelled>(
    tx,
    sql`
      with standing as materialized (
        select query_id, count(distinct label)::int as said, (array_agg(id order by ${STANDS_FIRST}))[1] as id
        from labels
        where label_space = any(array(select jsonb_array_elements_text(${JSON.stringify(names)}::jsonb))) and query_id > ${after}
        group by query_id having max(created_at) >= ${(startTime ?? new Date(0)).toISOString()}::timestamptz
        order by query_id limit ${BATCH + 1}
      )
      select s.query_id, s.said, l.id, l.label, l.source, l.drawn, l.labelled_by, ${millis('l.created_at')} as labelled_at,
             q.query_text, q.customer_id, q.intent, q.model_version, k.wrapped_key
      from standing s
      left join lateral (select * from labels o where o.id = s.id limit 1) l on true
      left join lateral (select * from queries m where m.id = s.query_id limit 1) q on true
      left join lateral (select * from customer_keys c where c.tenant = q.tenant and c.customer_id = q.customer_id limit 1) k on true
      order by s.query_id`,
  );

function rowOf({ keys, pseudonymOf }: Parts, tenant: string, known: KnownLabels, row: Labelled): TrainingRow | undefined {
  const key = row.customer_id === null ? undefined : keys.read(tenant, row.customer_id, row.wrapped_key);
  // What no model has read may hold names, which nobody has looked for.
  if (!key || !row.query_text || !row.model_version) return undefined;
  return {
    text: key.open('queries.query_text', row.query_id, row.query_text).toString(),
    label: row.label,
    labelKnown: row.label === OUT_OF_SCOPE || known.labels.includes(row.label),
    disputed: row.said > 1,
    queryId: row.query_id,
    labelId: row.id,
    source: row.source,
    draw: row.drawn === 'random' ? Draw.RANDOM : Draw.CHOSEN,
    labelledBy: pseudonymOf(tenant, row.labelled_by),
    labelTime: new Date(row.labelled_at),
    predictedLabel: row.intent ?? '',
    bundleDigest: row.model_version,
  };
}

async function countSample(tx: Transaction, { names }: KnownLabels): Promise<RandomSample> {
  const [counts] = await rowsOf<RandomSample>(
    tx,
    sql`
      select count(*)::float8 as drawn, (count(*) filter (where outcome is not null))::float8 as resolved, (count(*) filter (where label <> ''))::float8 as labelled
      from reviews where drawn = 'random' and label_space = any(array(select jsonb_array_elements_text(${JSON.stringify(names)}::jsonb)))`,
  );
  return counts!;
}
