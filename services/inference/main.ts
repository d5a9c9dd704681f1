import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { byBundle } from './byBundle.js';
import { openCache } from './cache.js';
import { openChampion } from './champion.js';
import { InferenceConfig } from './config.js';
import { describeBundle } from './describeBundle.js';
import { embed } from './embed.js';
import { followWorkers } from './health.js';
import { listBundles } from './listBundles.js';
import { loadBundle } from './loadBundle.js';
import { predict } from './predict.js';
import { promoteBundle } from './promoteBundle.js';
import { readingBytes } from './reading.js';
import { openRegistry } from './registry.js';
import { rollBackBundle } from './rollBackBundle.js';
import { openShelf } from './shelf.js';

/** A replay goes on within it, and what it needs goes after it. */
const SHELF_IDLE_MS = 60_000;

endOnFailure();
const config = loadConfig(InferenceConfig, process.env, process.argv);
const registry = await openRegistry({ folder: config.modelsDir, shipped: config.bundleDir });
const champion = await openChampion({ registry, load: (dir) => loadBundle(dir, config), pollMs: config.modelsPollMs });
const { serving } = champion;
// One thread: nobody waits for an answer to a customer there.
const shelf = openShelf({ registry, load: (dir) => loadBundle(dir, { ...config, workers: 1 }), idleMs: SHELF_IDLE_MS });
// For every bundle: what is kept is known by the bundle's digest, among other things.
const cache = openCache(config.cache === 'on' ? config.cacheMegabytes * 2 ** 20 : 0, readingBytes);
const server = await startServer(config, meshPrincipal, [
  serve(InferenceServiceDefinition, {
    predict: byBundle({ serving, shelf }, (loaded) => predict({ ...loaded, cache })),
    embed: serving.by(embed),
    describeBundle: serving.by(({ bundle }) => describeBundle(bundle)),
  }),
  serve(ModelServiceDefinition, {
    listBundles: listBundles({ champion, registry }),
    promoteBundle: promoteBundle({ champion, registry }),
    rollBackBundle: rollBackBundle({ champion, registry }),
  }),
]);
followWorkers(serving, server);
onShutdown([server, shelf, champion, telemetry]);
