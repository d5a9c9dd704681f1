import { sql } from 'drizzle-orm';
import { Gauge } from 'prom-client';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { log } from '../../lib/log.js';
import { registry } from '../../lib/metrics.js';
import { EMBEDDING_DIMENSION } from './schema.js';
import { rowsOf, type Store, type Transaction } from './store.js';

/** Gives passages their embeddings in the background, and new ones when inference serves another encoder. */
export interface Embedder {
  /** Says that there may be something to do. */
  wake(): void;
  close(): Promise<void>;
}

type Inference = Pick<MeshClient<InferenceServiceDefinition>, 'embed' | 'describeBundle'>;
interface Waiting {
  readonly tenant: string;
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly text_sha256: string;
}

/** Passages for one call: little enough that queries are not kept waiting behind it. */
const BATCH = 16;
const CALL_TIMEOUT_MS = 20_000;
/** Pauses: while inference is away or changes, and between looks for another encoder, milliseconds. */
const RETRY_MS = 1000;
const IDLE_MS = 30_000;
/** Longest text that `Embed` takes, characters. */
const MAX_CHARACTERS = 20_000;

const waitingPassages = new Gauge({
  name: 'context_passages_embedded_last',
  help: 'Passages that the last round embedded.',
  registers: [registry],
});

export function startEmbedder({ store, inference }: { store: Store; inference: Inference }): Embedder {
  const stop = new AbortController();
  let asked = false;
  let interrupt = (): void => {};
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      asked = false;
      const pauseMs = await round(store, inference, stop.signal);
      // Nobody can hurry an inference that is away.
      if (!stop.signal.aborted && !(asked && pauseMs === IDLE_MS)) await pause(pauseMs);
    }
  };
  const done = run();
  return {
    wake: () => {
      asked = true;
      interrupt();
    },
    close: async () => {
      stop.abort();
      interrupt();
      await done;
    },
  };
}

/** Embeds all that waits. @returns how long to pause, milliseconds */
async function round(store: Store, inference: Inference, signal: AbortSignal): Promise<number> {
  const within = (tenant: string) => ({ within: background({ tenant, timeoutMs: CALL_TIMEOUT_MS, signal }) });
  let embedded = 0;
  try {
    const served = await inference.describeBundle({}, within('replymesh'));
    for (;;) {
      const batch = await store.background((tx) => readWaiting(tx, served.encoderDigest));
      const tenant = batch[0]?.tenant;
      if (tenant === undefined || signal.aborted) break;
      const texts = batch.map((p) => `${p.title}\n${p.text}`.slice(0, MAX_CHARACTERS));
      const { embeddings, encoderDigest } = await inference.embed({ texts }, within(tenant));
      const vectors = embeddings.map((e) => e.values);
      if (store.vectors && vectors.some((v) => v.length !== EMBEDDING_DIMENSION)) {
        log.error(
          { dimension: vectors[0]?.length, expected: EMBEDDING_DIMENSION },
          'the bundle embeds in another dimension than the database holds: search goes by words alone',
        );
        return IDLE_MS;
      }
      await store.background((tx) => writeEmbeddings(tx, store.vectors, batch, vectors, encoderDigest));
      embedded += batch.length;
      // The encoder changed between the two calls, or replicas have different ones for a moment: look again for what is left.
      if (encoderDigest !== served.encoderDigest) return RETRY_MS;
    }
    waitingPassages.set(embedded);
    if (embedded > 0) log.info({ passages: embedded }, 'passages embedded');
    return IDLE_MS;
  } catch (error) {
    if (!isUnavailable(error) && !signal.aborted) log.warn({ error }, 'passages could not be embedded: trying again');
    return RETRY_MS;
  }
}

/** Some passages of one tenant that lack an embedding of this encoder. */
const readWaiting = (tx: Transaction, encoderDigest: string): Promise<Waiting[]> =>
  rowsOf<Waiting>(
    tx,
    sql`
      select tenant, id, title, text, text_sha256 from passages
      where bundle_digest is distinct from ${encoderDigest}
        and tenant = (select tenant from passages where bundle_digest is distinct from ${encoderDigest} limit 1)
      limit ${BATCH}`,
  );

/** One statement. A passage that changed meanwhile stays waiting. */
async function writeEmbeddings(
  tx: Transaction,
  vectors: boolean,
  batch: readonly Waiting[],
  embeddings: readonly number[][],
  encoderDigest: string,
): Promise<void> {
  const input = JSON.stringify(
    batch.map(({ tenant, id, title, text_sha256 }, i) => ({ tenant, id, title, text_sha256, values: `{${embeddings[i]?.join(',')}}` })),
  );
  const cast = vectors ? sql`input.values::real[]::vector` : sql`input.values::real[]`;
  await tx.execute(sql`
    update passages set embedding = ${cast}, bundle_digest = ${encoderDigest}
    from jsonb_to_recordset(${input}::jsonb) as input(tenant text, id text, title text, text_sha256 text, values text)
    where passages.tenant = input.tenant and passages.id = input.id
      and passages.title = input.title and passages.text_sha256 = input.text_sha256`);
}
