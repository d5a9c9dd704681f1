import { fileURLToPath } from 'node:url';
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { background } from '../../lib/call.js';
import { connect, type MeshClient } from '../../lib/client.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { serve, startServer } from '../../lib/server.js';
import { openCache } from './cache.js';
import { describeBundle } from './describeBundle.js';
import { describeChallenger } from './describeChallenger.js';
import { embed } from './embed.js';
import { followWorkers } from './health.js';
import { listModelChanges } from './listModelChanges.js';
import { type LoadedBundle, loadBundle } from './loadBundle.js';
import { predict } from './predict.js';
import { predictChallenger } from './predictChallenger.js';
import { readBundleFile } from './readBundleFile.js';
import { readingBytes } from './reading.js';
import { openRegistry } from './registry.js';

/** Folder of the bundle that the repository ships. */
export const SHIPPED = fileURLToPath(new URL('models/default', packageRoot));

/** The shipped bundle with its threads, as `main.ts` loads it. */
export const openParts = (limits: { workers?: number; maxQueued?: number; maxBatch?: number } = {}): Promise<LoadedBundle> =>
  loadBundle(SHIPPED, { defaultLabelSpace: 'support', workers: 1, maxQueued: 1024, maxBatch: 16, ...limits });

export interface ServedInference extends LoadedBundle {
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
  const registry = await openRegistry({ folder: undefined, shipped: SHIPPED });
  const server = await startServer(
    { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 30_000, drainMs: 1000 },
    meshPrincipal,
    [
      serve(InferenceServiceDefinition, {
        predict: predict({ ...parts, cache }),
        embed: embed(parts),
        describeBundle: describeBundle(parts.bundle),
        describeChallenger: describeChallenger({ loaded: undefined, percent: 0 }),
        predictChallenger: predictChallenger({ challenger: { loaded: undefined }, champion: parts.batcher }),
        listModelChanges: listModelChanges({ champion: registry, registry }),
        readBundleFile: readBundleFile({ registry }),
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
