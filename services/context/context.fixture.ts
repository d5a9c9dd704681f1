import { randomBytes, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Redis } from 'ioredis';
import { RichClientError } from 'nice-grpc-error-details';
import pg from 'pg';
import { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import {
  type DeepPartial,
  InferenceServiceDefinition,
  type ModelChange,
  type PredictChallengerResponse,
} from '../../gen/replymesh/inference/v1/inference_service.js';
import type { BundleManifest } from '../../gen/replymesh/type/v1/bundle.js';
import { Channel } from '../../gen/replymesh/type/v1/customer.js';
import { Action, Query } from '../../gen/replymesh/type/v1/decision.js';
import { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { type Bundle, ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import { TrainingServiceDefinition } from '../../gen/replymesh/v1/training_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { background, type Within } from '../../lib/call.js';
import { connect } from '../../lib/client.js';
import { serve, startServer } from '../../lib/server.js';
import { auditLog } from './auditLog.js';
import { openCache } from './cache.js';
import { contentKeys } from './contentKeys.js';
import { startEmbedder } from './embedder.js';
import { featureStore } from './featureStore.js';
import { masterKey } from './masterKey.js';
import { openPglite } from './pglite.js';
import { openPostgres } from './postgres.js';
import { pseudonyms } from './pseudonym.js';
import { served } from './served.js';
import type { Store } from './store.js';
import { openEntries } from './versionedEntries.js';
import { NO_WORDS } from './wordCounts.js';

/** Every suite runs on the embedded database, and on Postgres too when DATABASE_URL names a server. */
export const storeKinds: readonly StoreKind[] = process.env['DATABASE_URL'] ? ['PGlite', 'Postgres'] : ['PGlite'];
export type StoreKind = 'PGlite' | 'Postgres';

/** The master key of every test's database, and an instance's keys under it. */
export const MASTER_KEY = masterKey(Buffer.alloc(32, 7));
export const testKeys = () => contentKeys(MASTER_KEY);

const DRIFT_RULE = { leastRows: 50, consecutiveWindows: 2, leastLabels: 3 };
const SERVER = { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 20_000, drainMs: 200 };

/** A database of its own on the server of DATABASE_URL. @param plainOwner whether `url` signs in as an owner who is no superuser, so that row-level security binds it */
export async function scratchDatabase(plainOwner = false): Promise<{
  url: string;
  query: (text: string) => Promise<pg.QueryResult>;
  close(): Promise<void>;
}> {
  const admin = new pg.Client(process.env['DATABASE_URL']);
  await admin.connect();
  const name = `replymesh_test_${randomBytes(6).toString('hex')}`;
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(process.env['DATABASE_URL'] ?? '');
  url.pathname = `/${name}`;
  const own = new pg.Client(url.href);
  if (plainOwner) {
    await admin.query(`CREATE ROLE ${name} LOGIN CREATEROLE`);
    await admin.query(`ALTER DATABASE ${name} OWNER TO ${name}`);
    url.username = name;
  }
  own.on('error', () => {});
  await own.connect();
  return {
    url: url.href,
    query: (text) => own.query(text),
    close: async () => {
      await own.end();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      if (plainOwner) await admin.query(`DROP ROLE ${name}`);
      await admin.end();
    },
  };
}

export const postgresOptions = (url: string) => ({ url, connections: 4, statementTimeoutMs: 5000, startTimeoutMs: 5000 });

/** An empty store of this kind, gone when closed. */
export async function openTestStore(kind: StoreKind, plainOwner = false): Promise<Store> {
  if (kind === 'PGlite') return openPglite();
  const database = await scratchDatabase(plainOwner);
  const store = await openPostgres(postgresOptions(database.url));
  return {
    ...store,
    close: async () => {
      await store.close();
      await database.close();
    },
  };
}

/** The context service over gRPC with a clock that the test sets, and an inference service that embeds words by their letters. */
export async function startContext(
  store: Store,
  options: { redisUrl?: string | undefined; inferenceAway?: boolean; reviewSample?: number; featuresTtlMs?: number } = {},
) {
  const clock = { now: new Date('2026-11-24T12:00:00Z') };
  const inference = await startLetterInference(options.inferenceAway ?? false);
  const toInference = { callee: 'inference', target: `127.0.0.1:${inference.port}`, timeoutMs: 5000 };
  const connection = connect(InferenceServiceDefinition, toInference);
  const models = connect(ModelServiceDefinition, toInference);
  const prefix = `test:${randomUUID()}:`;
  const cache = openCache({ enabled: true, redisUrl: options.redisUrl, ttlMs: 60_000, prefix });
  const features = featureStore({
    entries: openEntries({ enabled: true, redisUrl: options.redisUrl, prefix }),
    ttlMs: options.featuresTtlMs ?? 60_000,
    cacheTtlMs: 60_000,
    now: () => clock.now,
  });
  const embedder = startEmbedder({ store, inference: connection.client });
  const keys = testKeys();
  const audit = auditLog(MASTER_KEY.audit);
  const parts = {
    store,
    cache,
    features,
    keys,
    audit,
    embedder,
    // A few articles hold rare words alone. Counting would be one more user of the database, which some tests cut off.
    wordCounts: { of: () => NO_WORDS },
    inference: connection.client,
    models: models.client,
    reviewSample: options.reviewSample ?? 0,
    driftRule: DRIFT_RULE,
    pseudonymOf: pseudonyms(MASTER_KEY.pseudonyms),
    now: () => clock.now,
  };
  const server = await startServer(SERVER, meshPrincipal, served(parts));
  const to = { callee: 'context', target: `127.0.0.1:${server.port}`, timeoutMs: 20_000 };
  const clients = [
    connect(ContextServiceDefinition, to),
    connect(KnowledgeServiceDefinition, to),
    connect(FeedbackServiceDefinition, to),
    connect(AuditServiceDefinition, to),
    connect(CustomerServiceDefinition, to),
    connect(AnalyticsServiceDefinition, to),
    connect(ReviewServiceDefinition, to),
    connect(ModelMonitoringServiceDefinition, to),
    connect(TrainingServiceDefinition, to),
  ] as const;
  return {
    clock,
    cache,
    features,
    inference,
    audits: audit,
    inferenceClient: connection.client,
    context: clients[0].client,
    knowledge: clients[1].client,
    feedback: clients[2].client,
    audit: clients[3].client,
    customers: clients[4].client,
    analytics: clients[5].client,
    reviews: clients[6].client,
    monitoring: clients[7].client,
    training: clients[8].client,
    close: async () => {
      for (const part of [...clients, server, embedder, connection, models, inference, cache, features]) await part.close();
      if (options.redisUrl && options.redisUrl === process.env['REDIS_URL']) await removeKeys(options.redisUrl, prefix);
    },
  };
}

/** What a test leaves in Redis would go by itself in a minute; it goes at once. */
export async function removeKeys(redisUrl: string, prefix: string): Promise<void> {
  const redis = new Redis(redisUrl);
  const keys = await redis.keys(`${prefix}*`);
  if (keys.length > 0) await redis.del(...keys);
  await redis.quit();
}

/** Label spaces of the inference service that `startContext` has beside it. */
export const MANY_LABELS = Array.from({ length: 40 }, (_, i) => `label_${i}`);
const described = {
  defaultLabelSpace: 'support',
  manifest: {
    spaces: [
      { name: 'support', labels: ['cancel_order', 'get_refund', 'track_refund'] },
      { name: 'many', labels: MANY_LABELS },
    ],
  },
};

const DIMENSION = 384;

const unused = (): never => {
  throw new Error('not part of this test');
};

/** Another service, and so a real one: its embedding counts the three-letter pieces of a text. `come` starts it when it was away. */
async function startLetterInference(away: boolean) {
  const encoderDigest = 'e'.repeat(64);
  /** `describedEncoder` is what the embedder hears of; it lags behind where a bundle was promoted a moment ago. */
  const state = {
    digest: 'a'.repeat(64),
    encoderDigest,
    describedEncoder: encoderDigest,
    embed: letterEmbedding,
    embedded: 0,
    manifest: undefined as BundleManifest | undefined,
    challenger: '',
    predictChallenger: unused as (text: string) => DeepPartial<PredictChallengerResponse> | Promise<never>,
    changes: [] as ModelChange[],
    bundles: [] as DeepPartial<Bundle>[],
    files: {} as Record<string, Buffer[]>,
  };
  const start = (listen: string) =>
    startServer({ ...SERVER, listen }, meshPrincipal, [
      serve(InferenceServiceDefinition, {
        predict: unused,
        describeChallenger: async () => ({ digest: state.challenger, percent: 100 }),
        predictChallenger: async (request) => state.predictChallenger(request.text),
        listModelChanges: async () => ({ changes: state.changes }),
        readBundleFile: async function* ({ path }) {
          for (const content of state.files[path] ?? unused()) yield { content };
        },
        describeBundle: async () => ({
          ...described,
          ...(state.manifest ? { manifest: state.manifest } : {}),
          digest: state.digest,
          encoderDigest: state.describedEncoder,
        }),
        embed: async ({ texts }) => {
          state.embedded += texts.length;
          const embeddings = texts.map((text) => ({ values: state.embed(text) }));
          return { embeddings, bundleDigest: state.digest, encoderDigest: state.encoderDigest };
        },
      }),
      serve(ModelServiceDefinition, {
        listBundles: async () => ({ bundles: state.bundles }),
        promoteBundle: unused,
        rollBackBundle: unused,
      }),
    ]);
  let server = await start('127.0.0.1:0');
  const { port } = server;
  if (away) await server.close();
  return {
    state,
    port,
    come: async () => {
      server = await start(`127.0.0.1:${port}`);
    },
    close: () => server.close(),
  };
}

export function letterEmbedding(text: string): number[] {
  const values = new Array<number>(DIMENSION).fill(0);
  const letters = ` ${text.toLowerCase().replaceAll(/[^a-z]+/g, ' ')} `;
  for (let i = 0; i + 3 <= letters.length; i += 1) {
    const piece = letters.charCodeAt(i) * 961 + letters.charCodeAt(i + 1) * 31 + letters.charCodeAt(i + 2);
    values[piece % DIMENSION] = (values[piece % DIMENSION] ?? 0) + 1;
  }
  const norm = Math.hypot(...values);
  // Some units of the shipped encoder are all but dead: their squares are too small for Postgres' `real`.
  return values.map((v) => v / norm || 1e-34);
}

/** A tenant that no other test uses, and the options of a call on its behalf. */
export function newTenant(): { tenant: string; as: { within: Within } } {
  const tenant = `tenant-${randomUUID()}`;
  const within = background({ tenant, timeoutMs: 60_000 });
  // A test makes many calls within this one.
  setMaxListeners(0, within.signal);
  return { tenant, as: { within } };
}

export const newQueryId = (): string => `qry_${randomUUID()}`;

/** A record as the gateway would send it. */
export const aQuery = (fields: Partial<Query> & { intent?: string; action?: Action; confidence?: number } = {}): Query => {
  const { intent = 'get_refund', action = Action.DRAFT, confidence = 0.9, ...own } = fields;
  const id = own.id ?? newQueryId();
  return Query.fromPartial({
    createTime: new Date('2026-11-24T11:00:00Z'),
    channel: Channel.CHAT,
    labelSpace: 'support',
    text: 'Where is my refund?',
    decision: { id, intents: [{ label: intent, score: confidence }], confidence, action, evidence: { bundleDigest: 'b'.repeat(64) } },
    ...own,
    id,
  });
};

/** Reason of the error that a call ends with. */
export const reasonOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => 'it succeeded',
    (error: unknown) =>
      error instanceof RichClientError
        ? error.extra.flatMap((d) => (d.$type === 'google.rpc.ErrorInfo' ? [d.reason] : []))[0]
        : String(error),
  );

/** Asks again until the condition holds; the test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
