import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { connect } from '../../lib/client.js';
import { loadConfig } from '../../lib/config.js';
import { startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { auditLog } from './auditLog.js';
import { openCache } from './cache.js';
import { ContextConfig } from './config.js';
import { contentKeys } from './contentKeys.js';
import { startEmbedder } from './embedder.js';
import { learningRules } from './learningRules.js';
import { checkMasterKey, readMasterKey } from './masterKey.js';
import { openStore } from './openStore.js';
import { pseudonyms } from './pseudonym.js';
import { startQueryPartitions } from './queryPartitions.js';
import { startRequestExpiry } from './requestExpiry.js';
import { sealOldRows } from './sealOldRows.js';
import { seed } from './seed.js';
import { served } from './served.js';
import { startRelays } from './startRelays.js';
import { startRollUp } from './startRollUp.js';

/** Longest wait for one call of inference, milliseconds: a batch of long passages on a busy machine. */
const INFERENCE_TIMEOUT_MS = 20_000;

endOnFailure();
const config = loadConfig(ContextConfig, process.env, process.argv);
const now = (): Date => new Date();
const master = readMasterKey(config.contentKeyFile);
const store = await openStore(config);
await checkMasterKey(store, master, config.contentKeyFile);
const keys = contentKeys(master);
const audit = auditLog(master.audit);
const pseudonymOf = pseudonyms(master.pseudonyms);
await sealOldRows(store, keys);
if (config.seed) await seed(store, keys, config.seedTenant, now());
const cache = openCache({
  enabled: config.cache === 'on',
  redisUrl: config.redisUrl,
  ttlMs: config.cacheTtlMs,
  prefix: config.redisPrefix,
});
const inference = connect(InferenceServiceDefinition, {
  callee: 'inference',
  target: config.inferenceTarget,
  timeoutMs: INFERENCE_TIMEOUT_MS,
});
const embedder = startEmbedder({ store, inference: inference.client });
const expiry = startRequestExpiry(store, now);
const partitions = startQueryPartitions({ store, retentionDays: config.retentionDays, now });
const relays = await startRelays({ store, config, now });
const rollUp = startRollUp({ store, now });
const own = { store, cache, keys, audit, pseudonymOf, embedder, now };
const parts = { ...own, inference: inference.client, ...learningRules(config) };
const server = await startServer(config, meshPrincipal, served(parts));
onShutdown([server, embedder, expiry, partitions, relays, rollUp, inference, cache, store, telemetry]);
