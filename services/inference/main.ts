import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { meshPrincipal } from '../../lib/access.js';
import { loadConfig } from '../../lib/config.js';
import { startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { openCache } from './cache.js';
import { followChallenger } from './challenger.js';
import { openChampion } from './champion.js';
import { InferenceConfig } from './config.js';
import { followWorkers } from './health.js';
import { loadBundle } from './loadBundle.js';
import { readingBytes } from './reading.js';
import { openRegistry } from './registry.js';
import { served } from './served.js';
import { openShelf } from './shelf.js';

/** A replay goes on within it, and what it needs goes after it. */
const SHELF_IDLE_MS = 60_000;

endOnFailure();
const config = loadConfig(InferenceConfig, process.env, process.argv);
const registry = await openRegistry({ folder: config.modelsDir, shipped: config.bundleDir });
const champion = await openChampion({ registry, load: (dir) => loadBundle(dir, config), pollMs: config.modelsPollMs });
// One thread: nobody waits for an answer to a customer there.
const shelf = openShelf({ registry, load: (dir) => loadBundle(dir, { ...config, workers: 1 }), idleMs: SHELF_IDLE_MS });
// One thread, because nobody waits for it.
const challenger = followChallenger({
  registry,
  load: (dir) => loadBundle(dir, { ...config, workers: 1 }),
  percent: config.shadowPercent,
  pollMs: config.modelsPollMs,
});
// For every bundle: what is kept is known by the bundle's digest, among other things.
const cache = openCache(config.cache === 'on' ? config.cacheMegabytes * 2 ** 20 : 0, readingBytes);
const server = await startServer(config, meshPrincipal, served({ registry, champion, challenger, shelf, cache }));
followWorkers(champion.serving, server);
onShutdown([server, shelf, challenger, champion, telemetry]);
