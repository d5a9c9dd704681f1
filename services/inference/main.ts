import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { limitsOf, openBatcher } from './batcher.js';
import { openBundle } from './bundle.js';
import { openCache } from './cache.js';
import { InferenceConfig } from './config.js';
import { describeBundle } from './describeBundle.js';
import { embed } from './embed.js';
import { followWorkers } from './health.js';
import { openInputs } from './inputs.js';
import { predict } from './predict.js';
import { readingBytes } from './reading.js';
import { openTokenizer } from './tokenizer.js';
import { startWorkers } from './workers.js';

endOnFailure();
const config = loadConfig(InferenceConfig, process.env, process.argv);
const bundle = await openBundle(config.bundleDir, config.defaultLabelSpace);
const tokenize = await openTokenizer(bundle, bundle.manifest.tokenizer);
const read = await openInputs(bundle, tokenize);
const workers = await startWorkers(bundle, config.workers);
const batcher = openBatcher(workers, limitsOf(bundle.manifest, config));
const cache = openCache(config.cache === 'on' ? config.cacheMegabytes * 2 ** 20 : 0, readingBytes);
const server = await startServer(config, meshPrincipal, [
  serve(InferenceServiceDefinition, {
    predict: predict({ bundle, read, batcher, cache }),
    embed: embed({ bundle, tokenize, batcher }),
    describeBundle: describeBundle(bundle),
  }),
]);
followWorkers(workers, server);
onShutdown([server, workers, telemetry]);
