import type { Bundle, ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import type { Handler } from '../../lib/server.js';
import { describeModels } from './describeModels.js';
import type { Registry } from './registry.js';
import type { Serving } from './serving.js';

interface Parts {
  readonly registry: Registry;
  readonly serving: Pick<Serving, 'bundle'>;
}

/** Lists what the models folder holds. */
export const listBundles =
  ({ registry, serving }: Parts): Handler<ModelServiceDefinition, 'listBundles'> =>
  async () => {
    const aliases = await registry.aliases();
    const digests = await registry.digests();
    const bundles = await Promise.all(digests.map((digest) => describeModels(registry, aliases, serving.bundle.digest, digest)));
    return { bundles: bundles.sort(newestFirst) };
  };

const newestFirst = (a: Bundle, b: Bundle): number =>
  Number(b.createTime ?? 0) - Number(a.createTime ?? 0) || a.digest.localeCompare(b.digest);
