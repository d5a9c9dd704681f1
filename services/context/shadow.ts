import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { ClientError, Status } from 'nice-grpc';
import pMap from 'p-map';
import { Counter } from 'prom-client';
import type {
  DescribeChallengerResponse,
  InferenceServiceDefinition,
  PredictChallengerResponse,
} from '../../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { registry } from '../../lib/metrics.js';
import type { Closable } from '../../lib/shutdown.js';
import type { ContentKeys } from './contentKeys.js';
import { startRelay } from './relay.js';
import type { OutboxEvent, Sink } from './relaySink.js';
import { openQuery, QUERIES_AND_KEYS, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { rowsOf, type Store } from './store.js';

export interface ShadowParts {
  readonly store: Store;
  readonly keys: ContentKeys;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'describeChallenger' | 'predictChallenger'>;
  readonly now: () => Date;
}

/** Older messages are no live traffic: what could not be read in this time is left out, so that the challenger never lags behind. */
const LIVE_MS = 60_000;
const BATCH = 64;
const AT_ONCE = 2;
const TIMEOUT_MS = 5000;
/** Until models that are busy or away are asked again. */
const PAUSE_MS = 500;

const shadowMessages = new Counter({
  name: 'shadow_messages_total',
  help: 'Messages that a challenger was to read beside the champion: "read"; "dropped" because the models were busy or away for a minute, or failed; "skipped" because there is nothing to compare with: answered without models, erased meanwhile, or in a space that the challenger has not.',
  labelNames: ['result'],
  registers: [registry],
});

/** Has the challenger read what the champion has answered, for as long as the process runs. Nobody waits for it: it follows the events, one instance at a time. */
export const startShadow = (parts: ShadowParts): Closable => startRelay({ store: parts.store, sink: shadowSink(parts), now: parts.now });

/** Nothing is ever carried again: what could not be read within a minute is dropped. */
export function shadowSink({ store, keys, inference, now }: ShadowParts): Sink {
  const read = async (digest: string, { tenant, subject }: OutboxEvent): Promise<Result> => {
    const within = background({ tenant, timeoutMs: TIMEOUT_MS });
    const [row] = await store.within(within, (tx) =>
      rowsOf<SealedRecord>(tx, sql`select ${SEALED_RECORD} from ${QUERIES_AND_KEYS} where q.id = ${subject}`),
    );
    const query = row && openQuery(keys, tenant, row);
    // Erased meanwhile, or kept without models, which says nothing to compare with.
    if (!query?.decision?.evidence?.bundleDigest) return 'skipped';
    const found = await inference.predictChallenger({ text: query.text, labelSpace: query.labelSpace }, { within });
    if (found.bundleDigest !== digest) return 'skipped';
    // Alone, so that no erasure meanwhile misses the row.
    await store.alone(within, (tx) => tx.execute(insertion(tenant, query.id, found, now())));
    return 'read';
  };
  const readInTime = async (digest: string, event: OutboxEvent, signal: AbortSignal): Promise<Result> => {
    while (!signal.aborted && now().getTime() - event.createdAt.getTime() <= LIVE_MS) {
      try {
        return await read(digest, event);
      } catch (error) {
        if (isUnknownSpace(error)) return 'skipped';
        if (!isForLater(error)) return 'dropped';
        await wait(PAUSE_MS, undefined, { signal }).catch(() => {});
      }
    }
    return 'dropped';
  };
  /** Where inference does not say, what it said last. */
  let last: DescribeChallengerResponse = { digest: '', percent: 0 };

  return {
    name: 'shadow',
    batchSize: BATCH,
    deliver: async (events, signal) => {
      const within = background({ tenant: 'replymesh', timeoutMs: TIMEOUT_MS, signal });
      last = await inference.describeChallenger({}, { within }).catch(() => last);
      const { digest, percent } = last;
      if (digest === '') return [];
      const chosen = events.filter((event) => isMessage(event) && percentile(event.subject) < percent);
      await pMap(chosen, async (event) => shadowMessages.inc({ result: await readInTime(digest, event, signal) }), {
        concurrency: AT_ONCE,
      });
      return [];
    },
    close: () => {},
  };
}

type Result = 'read' | 'dropped' | 'skipped';

const has = (error: unknown, ...codes: readonly Status[]): boolean => error instanceof ClientError && codes.includes(error.code);
/** The models give way to what the champion has to read, are away, or a breaker says so. */
const isForLater = (error: unknown): boolean => has(error, Status.RESOURCE_EXHAUSTED, Status.UNAVAILABLE);
const isUnknownSpace = (error: unknown): boolean => has(error, Status.NOT_FOUND);
const isMessage = ({ type }: OutboxEvent): boolean => type === 'QueryProcessed' || type === 'QueryEscalated';
/** 0 to 99, the same for a message in every instance. */
const percentile = (id: string): number => createHash('sha256').update(id).digest().readUInt32BE() % 100;

/** Of a message that was erased since, nothing is written. */
const insertion = (
  tenant: string,
  id: string,
  { bundleDigest, labelSpace, intent, confidence, predictiveEntropy }: PredictChallengerResponse,
  at: Date,
) => sql`
  insert into shadow_predictions
    (tenant, query_id, bundle_digest, label_space, intent, champion_digest, champion_intent, confidence, uncertainty, created_at)
  select ${tenant}, q.id, ${bundleDigest}, ${labelSpace}, ${intent}, q.model_version, q.intent, ${confidence}, ${predictiveEntropy}, ${at.toISOString()}
  from queries q where q.id = ${id} and q.label_space = ${labelSpace}
  on conflict do nothing`;
