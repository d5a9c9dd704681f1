import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { startInference } from '../cli/inferenceProcess.js';
import { CALL_MS } from '../cli/predictAll.js';
import { readRows } from '../cli/rows.js';
import { ContextServiceDefinition, SearchKnowledgeRequest } from '../gen/replymesh/context/v1/context_service.js';
import { InferenceServiceDefinition } from '../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../lib/call.js';
import { connect } from '../lib/client.js';
import type { Environment } from '../lib/config.js';
import { rowsOf, type Store, type Transaction } from '../services/context/store.js';
import { bareClient } from './bareClient.js';
import { startContext } from './contextProcess.js';
import { atLeast, atMost, type Figure, seen } from './figure.js';
import { latencyOf } from './latency.js';
import { closedLoop } from './load.js';
import { ASKED, chance } from './memoryRows.js';

interface Parts {
  /** With pgvector. */
  readonly store: Store;
  readonly url: string;
  readonly contentKey: string;
  readonly data: string;
  readonly passages: number;
  readonly seconds: number;
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}
interface Embedded {
  readonly text: string;
  readonly values: readonly number[];
}

/** Texts that are embedded; every passage is one of them with some noise, so that they crowd where real ones do. */
const TEXTS = 4000;
const SEARCHES = 200;
/** Length of the noise next to the embedding's 1: copies of a text have a cosine of about 0.86 to each other. */
const NOISE = 0.4;
const BATCH = 500;
const DIGEST = 'e'.repeat(64);
const TOP = 10;
const within = () => background({ tenant: ASKED, timeoutMs: 600_000 });

export async function searchFigures(parts: Parts): Promise<Figure[]> {
  const { store, passages, seconds, say } = parts;
  const [texts, searches] = await embedTexts(parts);
  say(`${texts.length + searches.length} texts embedded`);
  await fillPassages(store, texts, passages);
  say(`${passages} passages stored`);
  const recall = await recallOf(store, searches);
  const context = await startContext(parts.contentKey, { DATABASE_URL: parts.url });
  const client = bareClient(ContextServiceDefinition, context.target, ASKED);
  const requests = searches.map(({ text, values }) =>
    SearchKnowledgeRequest.fromPartial({ text, embedding: [...values], encoderDigest: DIGEST, audience: 2 }),
  );
  try {
    const send = async (n: number) => {
      const answer = await client.call('searchKnowledge', requests[n % requests.length]!);
      if (answer.length === 0) throw new Error('A search found nothing.');
      return { degraded: false };
    };
    await closedLoop(send, { callers: 1, seconds: 2, first: 0 });
    const { latenciesMs, failed } = await closedLoop(send, { callers: 1, seconds, first: 0 });
    const [reason] = Object.keys(failed);
    if (reason !== undefined) throw new Error(`Searches failed: ${reason}`);
    const { p50, p95, p99 } = latencyOf(latenciesMs);
    return [
      atMost(`SearchKnowledge p99 over ${passages} passages, ms`, 15, p99),
      seen('  p95', p95),
      seen('  p50', p50),
      atLeast(`  recall@${TOP} of its nearest, against exact`, 0.95, recall),
    ];
  } finally {
    client.close();
    await context.stop();
  }
}

/** Of the sets' training rows, and of test rows to search with. */
async function embedTexts({ data, env, signal }: Parts): Promise<[Embedded[], Embedded[]]> {
  const server = await startInference(env, signal);
  const { client, close } = connect(InferenceServiceDefinition, { callee: 'inference', target: server.target, timeoutMs: CALL_MS });
  const embed = async (texts: readonly string[]): Promise<Embedded[]> => {
    const all: Embedded[] = [];
    for (let from = 0; from < texts.length; from += 16) {
      const some = texts.slice(from, from + 16);
      const { embeddings } = await client.embed({ texts: some }, { within: background({ tenant: ASKED, timeoutMs: CALL_MS, signal }) });
      all.push(...some.map((text, i) => ({ text, values: embeddings[i]!.values })));
    }
    return all;
  };
  const drawn = async (file: string, count: number): Promise<string[]> => {
    const rows = await readRows(join(data, file));
    return Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!.text);
  };
  try {
    const train = [...(await drawn('banking77/train.csv', TEXTS / 2)), ...(await drawn('bitext-support/train.csv', TEXTS / 2))];
    const test = [...(await drawn('banking77/test.csv', SEARCHES / 2)), ...(await drawn('bitext-support/test.csv', SEARCHES / 2))];
    return [await embed(train), await embed(test)];
  } finally {
    await close();
    await server.stop();
  }
}

/** A normal deviate by number (Box and Muller). */
const normal = (n: number, salt: number): number =>
  Math.sqrt(-2 * Math.log(chance(n, salt) || 1e-12)) * Math.cos(2 * Math.PI * chance(n, salt + 100_000));

async function fillPassages(store: Store, texts: readonly Embedded[], count: number): Promise<void> {
  await store.owner((tx) => tx.execute(sql`drop index if exists passages_embedding`));
  for (let from = 0; from < count; from += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => passageAt(from + i, texts));
    await store.within(within(), (tx) => insert(tx, rows));
  }
  await store.owner(async (tx) => {
    await tx.execute(sql`set local maintenance_work_mem = '1GB'`);
    // As `vectorColumn.ts` makes it.
    await tx.execute(sql`create index passages_embedding on passages using hnsw (embedding vector_cosine_ops)`);
    await tx.execute(sql`analyze passages`);
  });
}

function passageAt(n: number, texts: readonly Embedded[]) {
  const { text, values } = texts[n % texts.length]!;
  const other = texts[Math.floor(chance(n, 7) * texts.length)]!.text;
  const size = NOISE / Math.sqrt(values.length);
  const moved = values.map((value, i) => value + size * normal(n, i));
  const length = Math.hypot(...moved);
  return {
    id: `article-${n}`,
    title: text.slice(0, 60),
    text: `${text} ${other}`,
    embedding: `{${moved.map((v) => v / length).join(',')}}`,
  };
}

async function insert(tx: Transaction, rows: readonly ReturnType<typeof passageAt>[]): Promise<void> {
  const input = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as p(id text, title text, text text, embedding text)`;
  await tx.execute(sql`
    insert into articles (tenant, id, title, body, language, audience, intents, version, created_at, updated_at)
    select ${ASKED}, id, title, text, 'en', 'PUBLIC', '{}', 1, now(), now() from ${input}`);
  await tx.execute(sql`
    insert into passages (tenant, id, article_id, title, text, text_sha256, language, audience, intents, embedding, bundle_digest)
    select ${ASKED}, id || '#0', id, title, text, '', 'en', 'PUBLIC', '{}', embedding::real[]::vector, ${DIGEST} from ${input}`);
}

/** Share of the truly nearest that the index finds, in transactions as the service's. */
async function recallOf(store: Store, searches: readonly Embedded[]): Promise<number> {
  let found = 0;
  for (const { values } of searches) {
    const nearest = (exact: boolean) =>
      store.within(within(), async (tx) => {
        if (exact) await tx.execute(sql`set local enable_indexscan = off`);
        return rowsOf<{ id: string }>(
          tx,
          sql`select id from passages where bundle_digest = ${DIGEST} and audience = 'PUBLIC' order by embedding <=> ${`[${values.join(',')}]`}::vector limit ${TOP}`,
        );
      });
    const exact = new Set((await nearest(true)).map(({ id }) => id));
    found += (await nearest(false)).filter(({ id }) => exact.has(id)).length;
  }
  return found / (TOP * searches.length);
}
