import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { openBatcher } from './batcher.js';
import { openBundle } from './bundle.js';
import { openCache } from './cache.js';
import { InferenceConfig } from './config.js';
import { describeBundle } from './describeBundle.js';
import { embed } from './embed.js';
import { followWorkers } from './health.js';
import { predict } from './predict.js';
import { readingBytes } from './reading.js';
import { openTokenizer } from './tokenizer.js';
import { startWorkers } from './workers.js';

endOnFailure();
const config = loadConfig(InferenceConfig, process.env, process.argv);
const bundle = await openBundle(config.bundleDir, config.defaultLabelSpace);
const tokenize = await openTokenizer(bundle);
const workers = await startWorkers(bundle, config.workers);
const { maxTokens, padTokenId } = bundle.manifest.tokenizer;
const batcher = openBatcher(workers, { maxQueued: config.maxQueued, maxBatch: config.maxBatch, maxTokens, padTokenId });
const cache = openCache(config.cache === 'on' ? config.cacheMegabytes * 2 ** 20 : 0, readingBytes);
const server = await startServer(config, meshPrincipal, [
  serve(InferenceServiceDefinition, {
    predict: predict({ bundle, tokenize, batcher, cache }),
    embed: embed({ bundle, tokenize, batcher }),
    describeBundle: describeBundle(bundle),
  }),
]);
followWorkers(workers, server);
onShutdown([server, workers, telemetry]);
