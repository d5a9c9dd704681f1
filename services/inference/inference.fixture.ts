import { fileURLToPath } from 'node:url';
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { background } from '../../lib/call.js';
import { connect, type MeshClient } from '../../lib/client.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { serve, startServer } from '../../lib/server.js';
import { type Batcher, limitsOf, openBatcher } from './batcher.js';
import { type Bundle, openBundle } from './bundle.js';
import { openCache } from './cache.js';
import { describeBundle } from './describeBundle.js';
import { embed } from './embed.js';
import { followWorkers } from './health.js';
import { openInputs, type ReadText } from './inputs.js';
import { predict } from './predict.js';
import { readingBytes } from './reading.js';
import { openTokenizer, type Tokenize } from './tokenizer.js';
import { startWorkers, type Workers } from './workers.js';

/** Folder of the bundle that the repository ships. */
export const SHIPPED = fileURLToPath(new URL('models/default', packageRoot));

/** The parts of the service with the shipped bundle, as `main.ts` puts them together. */
export interface Parts {
  readonly bundle: Bundle;
  readonly tokenize: Tokenize;
  readonly read: ReadText;
  readonly workers: Workers;
  readonly batcher: Batcher;
}

export async function openParts(limits: { workers?: number; maxQueued?: number; maxBatch?: number } = {}): Promise<Parts> {
  const bundle = await openBundle(SHIPPED, 'support');
  const tokenize = await openTokenizer(bundle, bundle.manifest.tokenizer);
  const read = await openInputs(bundle, tokenize);
  const workers = await startWorkers(bundle, limits.workers ?? 1);
  const batcher = openBatcher(workers, limitsOf(bundle.manifest, { maxQueued: limits.maxQueued ?? 1024, maxBatch: limits.maxBatch ?? 16 }));
  return { bundle, tokenize, read, workers, batcher };
}

export interface ServedInference extends Parts {
  readonly port: number;
  readonly client: MeshClient<typeof InferenceServiceDefinition>;
  close(): Promise<void>;
}

/** The service on a free port with a client to it. */
export async function serveInference(
  options: { workers?: number; maxQueued?: number; cacheBytes?: number } = {},
): Promise<ServedInference> {
  const parts = await openParts(options);
  const cache = openCache(options.cacheBytes ?? 0, readingBytes);
  const server = await startServer(
    { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 30_000, drainMs: 1000 },
    meshPrincipal,
    [
      serve(InferenceServiceDefinition, {
        predict: predict({ ...parts, cache }),
        embed: embed(parts),
        describeBundle: describeBundle(parts.bundle),
      }),
    ],
  );
  followWorkers(parts.workers, server);
  const connection = connect(InferenceServiceDefinition, { callee: 'inference', target: `127.0.0.1:${server.port}`, timeoutMs: 30_000 });
  const close = async (): Promise<void> => {
    await connection.close();
    await server.close();
    await parts.workers.close();
  };
  return { ...parts, port: server.port, client: connection.client, close };
}

/** On whose behalf a test calls. */
export const caller = (tenant = 'demo', signal?: AbortSignal) => ({
  within: background({ tenant, timeoutMs: 30_000, ...(signal ? { signal } : {}) }),
});
