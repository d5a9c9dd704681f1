import { boolean, declare, integer, oneOf, path, share, target, text, url } from '../../lib/config.js';
import { serverSettings } from '../../lib/server.js';
import { relaySettings } from './relaySettings.js';

export const ContextConfig = declare({
  ...serverSettings('127.0.0.1:50052'),
  databaseUrl: url({
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    optional: true,
    doc: 'Postgres to store everything in; without it an embedded database in REPLYMESH_DATA_DIR.',
  }),
  databaseConnections: integer({
    env: 'REPLYMESH_DATABASE_CONNECTIONS',
    min: 1,
    max: 1000,
    default: 10,
    doc: 'Most connections to Postgres that calls share. Beside them each relay, the reader of challengers, analytics and the watch over models have one of their own.',
  }),
  statementTimeoutMs: integer({
    env: 'REPLYMESH_STATEMENT_TIMEOUT_MS',
    min: 10,
    max: 600_000,
    default: 5000,
    doc: 'Longest time of one statement in Postgres; a call that has less left gives it less.',
  }),
  storeStartTimeoutMs: integer({
    env: 'REPLYMESH_STORE_START_TIMEOUT_MS',
    min: 0,
    max: 600_000,
    default: 10_000,
    doc: 'How long the start waits for a Postgres that does not answer.',
  }),
  dataDir: path({ env: 'REPLYMESH_DATA_DIR', default: '.data', doc: 'Folder of the embedded database. One process at a time.' }),
  contentKeyFile: path({
    env: 'REPLYMESH_CONTENT_KEY_FILE',
    mustExist: true,
    doc: "Key that the customers' keys are encrypted with: 32 bytes in base64. Keep it as long as the database.",
  }),
  redisUrl: url({
    env: 'REDIS_URL',
    protocols: ['redis:', 'rediss:'],
    optional: true,
    doc: 'Redis for the cache and the features of customers; without it each process has its own.',
  }),
  redisPrefix: text({ env: 'REPLYMESH_REDIS_PREFIX', default: 'replymesh:', doc: 'Put before every key in Redis.' }),
  cache: oneOf({
    env: 'REPLYMESH_CACHE',
    values: ['on', 'off'],
    default: 'on',
    doc: "Whether customers' contexts are kept for a moment, and what was counted of their history for a day.",
  }),
  cacheTtlMs: integer({
    env: 'REPLYMESH_CONTEXT_CACHE_TTL_MS',
    min: 1,
    max: 600_000,
    default: 5000,
    doc: "How long a customer's context is kept: an answer may lag behind another instance's writes by as much.",
  }),
  featuresTtlMs: integer({
    env: 'REPLYMESH_FEATURES_TTL_MS',
    min: 1,
    max: 2_592_000_000,
    default: 86_400_000,
    doc: "How long what was counted of a customer's history is carried on, in Redis or the process, before it is counted anew from the database. Default: a day.",
  }),
  inferenceTarget: target({
    env: 'REPLYMESH_INFERENCE_ADDRESS',
    default: '127.0.0.1:50053',
    doc: 'Where the inference service is; it embeds the passages.',
  }),
  retentionDays: integer({
    env: 'REPLYMESH_RETENTION_DAYS',
    min: 0,
    max: 36_500,
    default: 0,
    doc: "How many days messages are kept, with their feedback, labels, reviews and lines in customers' histories; they go by whole months, so up to 31 days later. 0 keeps them for ever.",
  }),
  reviewSample: share({
    env: 'REPLYMESH_REVIEW_SAMPLE',
    default: 0.01,
    doc: 'Share of all messages that come before a person by chance, whatever their action: labels of these alone calibrate the models.',
  }),
  ...relaySettings,
  driftLeastRows: integer({
    env: 'REPLYMESH_DRIFT_LEAST_ROWS',
    min: 50,
    max: 2000,
    default: 200,
    doc: 'Fewest messages of a label space in a window that are compared with what the bundle was fitted on.',
  }),
  retrainWindows: integer({
    env: 'REPLYMESH_RETRAIN_WINDOWS',
    min: 1,
    max: 100,
    default: 3,
    doc: 'How many windows in a row have to be drifted before a label space is to be trained anew.',
  }),
  retrainLeastLabels: integer({
    env: 'REPLYMESH_RETRAIN_LEAST_LABELS',
    min: 1,
    max: 1_000_000,
    default: 50,
    doc: 'How many labels to learn from people have to have given since the bundle, or its challenger, was made before a label space is to be trained anew.',
  }),
  seed: boolean({
    env: 'REPLYMESH_SEED',
    default: false,
    doc: 'Whether an empty tenant gets the demonstration customers and articles at start.',
  }),
  seedTenant: text({ env: 'REPLYMESH_SEED_TENANT', default: 'demo', pattern: /^[^\0\\]{1,128}$/, doc: 'Tenant that gets them.' }),
});
