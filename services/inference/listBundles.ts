import type { Bundle, ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import type { Handler } from '../../lib/server.js';
import type { Champion } from './champion.js';
import { describeModels } from './describeModels.js';
import type { Registry } from './registry.js';

interface Parts {
  readonly champion: Pick<Champion, 'aliases' | 'serving'>;
  readonly registry: Registry;
}

/** Lists what the models folder holds. */
export const listBundles =
  ({ champion, registry }: Parts): Handler<ModelServiceDefinition, 'listBundles'> =>
  async () => {
    const aliases = await champion.aliases();
    const digests = await registry.digests();
    const bundles = await Promise.all(digests.map((digest) => describeModels(registry, aliases, champion.serving.bundle.digest, digest)));
    return { bundles: bundles.sort(newestFirst) };
  };

const newestFirst = (a: Bundle, b: Bundle): number =>
  Number(b.createTime ?? 0) - Number(a.createTime ?? 0) || a.digest.localeCompare(b.digest);
